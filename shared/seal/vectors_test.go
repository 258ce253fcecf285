package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/seal"
)

// vector is a message with what Open must make of it: either the plaintext or the class of the error.
type vector struct {
	Name      string       `json:"name"`
	Key       []byte       `json:"key"`
	Context   seal.Context `json:"context"`
	Message   []byte       `json:"message"`
	Plaintext *[]byte      `json:"plaintext,omitempty"`
	Error     string       `json:"error,omitempty"`
}

const vectorDir = "testdata/vectors"

// TestVectorsArePinned makes the vectors of this package again, from random bytes that follow from their names. They
// change only with UPDATE_GOLDEN=1; messages already stored then no longer open, so Schema has to change with them. The
// official SDK's vectors, official.json, are made by the module in oracle/.
func TestVectorsArePinned(t *testing.T) {
	want := []string{"official.json"}
	for name, vectors := range ownVectors(t) {
		want = append(want, name)
		b, err := json.MarshalIndent(vectors, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(vectorDir, name)
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		pinned, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(pinned), string(b)+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	entries, err := os.ReadDir(vectorDir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of vectors (-want +got):\n%s", diff)
	}
}

func TestVectors(t *testing.T) {
	entries, err := os.ReadDir(vectorDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(vectorDir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&vectors); err != nil || len(vectors) == 0 {
			t.Fatalf("%s: %d vectors, %v", e.Name(), len(vectors), err)
		}
		for _, v := range vectors {
			t.Run(e.Name()+"/"+v.Name, func(t *testing.T) { v.check(t) })
		}
	}
}

func (v vector) check(t *testing.T) {
	got, err := seal.Open(v.Key, v.Context, v.Message)
	switch {
	case v.Plaintext != nil && v.Error == "":
		if err != nil || !bytes.Equal(got, *v.Plaintext) {
			t.Errorf("got %x, %v, want %x", got, err, *v.Plaintext)
		}
	case v.Plaintext == nil && classes[v.Error] != nil:
		if err == nil || got != nil {
			t.Fatalf("opened, want it refused as %q", v.Error)
		}
		if c := class(t, err); c != v.Error {
			t.Errorf("refused as %q (%v), want %q", c, err, v.Error)
		}
	default:
		t.Errorf("expects neither a plaintext nor a known class but %q", v.Error)
	}
}

func ownVectors(t *testing.T) map[string][]vector {
	made := func(name string, ctx seal.Context, frame, size int) []byte {
		message, err := seal.Write(rand.NewChaCha8(sha256.Sum256([]byte(name))), frame, testKey, ctx, pattern(size))
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	opens := func(name string, ctx seal.Context, frame, size int) vector {
		plaintext := pattern(size)
		return vector{Name: name, Key: testKey, Context: ctx, Message: made(name, ctx, frame, size), Plaintext: &plaintext}
	}
	// base is altered by every vector that is refused: two regular frames of 16 bytes and a final one of 8.
	base := func() []byte { return made("base", testCtx, 16, 40) }
	refused := func(name, class string, message []byte) vector {
		return vector{Name: name, Key: testKey, Context: testCtx, Message: message, Error: class}
	}

	var flipped, truncated []vector
	at := 0
	for _, region := range regions {
		for _, i := range []int{at, at + region.len - 1} {
			message := base()
			message[i] ^= 1 << (i % 8)
			flipped = append(flipped, refused(fmt.Sprintf("%s, byte %d", region.name, i), region.class, message))
			if region.len == 1 {
				break
			}
		}
		truncated = append(truncated, refused("before "+region.name, "format", base()[:at]))
		at += region.len
	}
	if at != len(base()) {
		t.Fatalf("the regions have %d bytes, the message %d", at, len(base()))
	}
	truncated = append(truncated, refused("one byte missing", "format", base()[:at-1]))

	with := func(name, class string, change func(v *vector)) vector {
		v := refused(name, class, base())
		v.Context = maps.Clone(testCtx)
		change(&v)
		return v
	}
	set := func(at int, b ...byte) func(*vector) { return func(v *vector) { copy(v.Message[at:], b) } }
	return map[string][]vector{
		"opens.json": {
			opens("empty", testCtx, seal.FrameLen, 0),
			opens("1 byte", testCtx, seal.FrameLen, 1),
			opens("1 KB", testCtx, seal.FrameLen, 1024),
			opens("exactly one frame", testCtx, 16, 16),
			opens("exactly three frames", testCtx, 16, 48),
			opens("one byte more than a frame", testCtx, 16, 17),
			opens("several frames", testCtx, 16, 100),
			opens("frames of one byte", testCtx, 1, 4),
			opens("no context", seal.Context{}, seal.FrameLen, 20),
			opens("context not ASCII", seal.Context{"größe": "☃ 😀", "𝄞": "z", "ﬀ": "ü"}, seal.FrameLen, 20),
			opens("context with an empty value", seal.Context{"leer": "", "voll": "x"}, seal.FrameLen, 20),
		},
		"flipped.json":   flipped,
		"truncated.json": truncated,
		"refused.json": {
			with("another key", "auth", func(v *vector) { v.Key = bytes.Repeat([]byte{7}, 32) }),
			with("another value", "auth", func(v *vector) { v.Context["revision"] = "43" }),
			with("a missing pair", "auth", func(v *vector) { delete(v.Context, "kind") }),
			with("an added pair", "auth", func(v *vector) { v.Context["more"] = "" }),
			with("no context", "auth", func(v *vector) { v.Context = seal.Context{} }),
			with("a key too short", "input", func(v *vector) { v.Key = v.Key[:31] }),
			with("a reserved context key", "input", func(v *vector) { v.Context["aws-crypto-public-key"] = "x" }),
			with("the schema as context", "input", func(v *vector) { v.Context["schema"] = seal.Schema }),
			with("a trailing byte", "format", func(v *vector) { v.Message = append(v.Message, 0) }),
			with("two messages", "format", func(v *vector) { v.Message = append(v.Message, v.Message...) }),
			with("text", "unsupported", func(v *vector) { v.Message = []byte(`{"message":"not sealed"}`) }),
			with("version 1", "unsupported", set(0, 1)),
			with("version 3", "unsupported", set(0, 3)),
			with("the signed suite", "unsupported", set(1, 0x05, 0x78)),
			with("a suite without commitment", "unsupported", set(1, 0x01, 0x78)),
			with("schema 2", "unsupported", set(49, '2')),
			with("not framed", "unsupported", set(144, 1)),
			with("the final frame longer than the message", "format", set(len(base())-8-16-4, 0, 0, 0, 16)),
			with("the final frame's length forged", "format", set(len(base())-8-16-4, 0xff, 0xff, 0xff, 0xff)),
			with("a regular frame as the final one", "format", set(197, 0xff, 0xff, 0xff, 0xff)),
		},
	}
}

// regions are the parts of a message in order, each with the class of the error when a bit of it is flipped.
var regions = []struct {
	name  string
	len   int
	class string
}{
	{"version", 1, "unsupported"},
	{"suite", 2, "unsupported"},
	{"message id", 32, "commitment"},
	{"stored context's length", 2, "unsupported"},
	{"stored context", 13, "unsupported"},
	{"data keys' count", 2, "unsupported"},
	{"provider id", 14, "unsupported"},
	{"provider info", 16, "unsupported"},
	{"data key's IV", 12, "auth"},
	{"data key's length", 2, "unsupported"},
	{"data key", 32, "auth"},
	{"data key's tag", 16, "auth"},
	{"content type", 1, "unsupported"},
	{"frame length", 4, "auth"},
	{"key commitment", 32, "commitment"},
	{"header tag", 16, "auth"},
	{"first frame's sequence", 4, "format"},
	{"first frame's IV", 12, "format"},
	{"first frame's ciphertext", 16, "auth"},
	{"first frame's tag", 16, "auth"},
	{"second frame's sequence", 4, "format"},
	{"second frame's IV", 12, "format"},
	{"second frame's ciphertext", 16, "auth"},
	{"second frame's tag", 16, "auth"},
	{"end marker", 4, "format"},
	{"final frame's sequence", 4, "format"},
	{"final frame's IV", 12, "format"},
	{"final frame's length", 4, "format"},
	{"final frame's ciphertext", 8, "auth"},
	{"final frame's tag", 16, "auth"},
}
