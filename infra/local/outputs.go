package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// outputs is .local/outputs.json: all that a program needs to use the local stack.
type outputs struct {
	API       string            `json:"api"`
	Account   string            `json:"account"`
	Token     string            `json:"token"`
	Sources   map[string]source `json:"sources"`
	Mail      string            `json:"mail"`
	MailFrom  string            `json:"mailFrom,omitempty"`
	Emulator  string            `json:"emulator"`
	Region    string            `json:"region"`
	Tables    map[string]string `json:"tables"`
	Buckets   map[string]string `json:"buckets"`
	Queues    map[string]string `json:"queues"`
	Functions map[string]string `json:"functions"`
}

type source struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// stackOutputs reads the outputs of a deployed stack, all but the accounts.
func stackOutputs(stack map[string]string) (outputs, error) {
	o := outputs{
		API:       strings.TrimRight(stack["Api"], "/"),
		Region:    stack["Region"],
		Tables:    map[string]string{"records": stack["RecordsTable"], "keys": stack["KeysTable"], "control": stack["ControlTable"]},
		Buckets:   map[string]string{"objects": stack["ObjectsBucket"], "exports": stack["ExportsBucket"], "receipts": stack["ReceiptsBucket"], "staging": stack["StagingBucket"]},
		Queues:    map[string]string{},
		Functions: map[string]string{},
		MailFrom:  stack["MailFrom"],
	}
	for key, value := range stack {
		if name, ok := strings.CutPrefix(key, "Function"); ok {
			o.Functions[strings.ToLower(name)] = value
		}
		if name, ok := strings.CutSuffix(key, "Queue"); ok {
			o.Queues[strings.ToLower(name)] = value
		}
	}
	for _, key := range []string{"Api", "Region", "RecordsTable", "KeysTable", "ControlTable", "ObjectsBucket", "ExportsBucket"} {
		if stack[key] == "" {
			return outputs{}, fmt.Errorf("the stack has no output %s; it has %v", key, stack)
		}
	}
	return o, nil
}

// localOutputs is stackOutputs with URLs that reach the emulator.
func localOutputs(stack map[string]string, emulator string) (outputs, error) {
	o, err := stackOutputs(stack)
	if err != nil {
		return o, err
	}
	if o.API, err = localAPI(o.API, emulator); err != nil {
		return o, err
	}
	o.Emulator = emulator
	o.Mail = emulator + "/_ministack/ses/messages"
	return o, nil
}

// localAPI turns https://<id>.execute-api.<…>[/stage] into the emulator's form with the id in the path: it needs neither a
// name that resolves nor a Host header of one's own.
func localAPI(api, emulator string) (string, error) {
	u, err := url.Parse(api)
	if err != nil {
		return "", fmt.Errorf("the stack's Api: %w", err)
	}
	id, _, ok := strings.Cut(u.Hostname(), ".execute-api.")
	if !ok || id == "" {
		return "", fmt.Errorf("the stack's Api %q is not the address of an HTTP API", api)
	}
	return strings.TrimRight(emulator+"/_aws/execute-api/"+id+u.Path, "/"), nil
}

// take makes the new account the one that outputs.json tells of.
func (o *outputs) take(a account) {
	o.Account, o.Token, o.Sources = a.Account, a.Token, map[string]source{}
	for name, s := range a.Sources {
		o.Sources[name] = source{URL: o.API + s.Path, Secret: s.Secret}
	}
}

func readOutputs(h home) (outputs, error) {
	var o outputs
	b, err := os.ReadFile(h.outputs())
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("%s: %w", h.outputs(), err)
	}
	return o, nil
}

// writeOutputs replaces the file as a whole; only its owner may read it, for it holds secrets.
func writeOutputs(h home, o outputs) error {
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(h.outputs()), "outputs-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(append(b, '\n')); err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), h.outputs())
	}
	return err
}
