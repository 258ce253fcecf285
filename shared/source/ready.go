package source

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A ready mapping is a file of ready/, with the steps by which its sender is made to send such bodies:
//
//	{"setup": ["…", …], "mapping": {…}}
//
//go:embed ready/*.json
var readyFiles embed.FS

type readyMapping struct {
	setup []string
	// mapping is read when it is needed first: most processes never do.
	mapping func() *Mapping
}

var readyMappings = readReady()

// ReadyNames are the names of the ready mappings, sorted.
func ReadyNames() []string { return slices.Sorted(maps.Keys(readyMappings)) }

func readReady() map[string]readyMapping {
	files, err := readyFiles.ReadDir("ready")
	if err != nil {
		panic(err)
	}
	all := map[string]readyMapping{}
	for _, f := range files {
		var about struct {
			Setup   []string       `json:"setup"`
			Mapping jsontext.Value `json:"mapping"`
		}
		text, err := readyFiles.ReadFile(path.Join("ready", f.Name()))
		if err == nil {
			err = json.Unmarshal(text, &about, json.RejectUnknownMembers(true))
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", f.Name(), err))
		}
		all[strings.TrimSuffix(f.Name(), ".json")] = readyMapping{about.Setup, sync.OnceValue(func() *Mapping {
			m, mistakes := ParseMapping(about.Mapping)
			if len(mistakes) > 0 {
				panic(fmt.Sprintf("%s: %v", f.Name(), mistakes))
			}
			return m
		})}
	}
	return all
}

// readyOf is the name of the ready mapping after which a source is named, if there is one.
func readyOf(name string) string { return strings.TrimPrefix(name, mappedPrefix) }
