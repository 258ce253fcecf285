package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

type accountRequest struct {
	Action    string   `json:"action"`
	Account   string   `json:"account"`
	Plan      string   `json:"plan"`
	Start     string   `json:"start"`
	Retention string   `json:"retention,omitempty"`
	TimeZone  string   `json:"timeZone,omitempty"`
	Regimes   []string `json:"regimes,omitempty"`
	// Administrators are told what hides or destroys something.
	Administrators []string `json:"administrators,omitempty"`
}

type account struct {
	Account string `json:"account"`
	Plan    string `json:"plan"`
	Start   string `json:"start"`
	Token   string `json:"token"`
	Sources map[string]struct {
		Path   string `json:"path"`
		Secret string `json:"secret"`
	} `json:"sources"`
}

func (s stack) createAccount(ctx context.Context, r accountRequest) (account, error) {
	r.Action = "create-account"
	var a account
	if err := s.call(ctx, "admin", r, &a); err != nil {
		return a, err
	}
	if a.Token == "" || len(a.Sources) == 0 {
		return a, errors.New("admin created an account without a token or sources")
	}
	return a, nil
}

func accountCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("account", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	var r accountRequest
	flags.StringVar(&r.Account, "name", "", "the account's id, [a-z0-9]{4,32}")
	flags.StringVar(&r.Plan, "plan", "", "standard or enterprise")
	flags.StringVar(&r.Start, "start", "", "minimal or identified")
	flags.StringVar(&r.Retention, "retention", "", "a shorter retention than the plan's, in ISO 8601, as P30D")
	flags.StringVar(&r.TimeZone, "time-zone", "", "an IANA name, as Europe/Berlin")
	flags.Func("regimes", "laws under which e-mail may hold links only: hipaa,pci", func(list string) error {
		r.Regimes = strings.Split(list, ",")
		return nil
	})
	flags.Func("admins", "addresses that are told what hides or destroys something: a@example.com,b@example.com", func(list string) error {
		r.Administrators = strings.Split(list, ",")
		return nil
	})
	if err := parse(flags, args); err != nil {
		return err
	}
	if r.Account == "" || r.Plan == "" || r.Start == "" {
		return errors.New("usage: make account NAME=… PLAN=standard|enterprise START=minimal|identified [RETENTION=P30D] [ZONE=Europe/Berlin] [REGIMES=hipaa,pci] [ADMINS=a@example.com,b@example.com] [STAGE=dev|prod [REGION=…]]")
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	a, err := s.createAccount(ctx, r)
	if err != nil {
		return err
	}
	if *asJSON {
		o := s.outputs
		o.take(a)
		return printJSON(map[string]any{"account": a.Account, "plan": a.Plan, "start": a.Start, "token": o.Token, "sources": o.Sources})
	}
	fmt.Printf("The account %s (%s, %s) exists now. These secrets are shown this once:\n\n", bold(a.Account), a.Plan, a.Start)
	rows := [][]string{{"token", a.Token, "for " + s.API + "/v1/accounts/" + a.Account + "/chats"}}
	for _, name := range slices.Sorted(maps.Keys(a.Sources)) {
		rows = append(rows, []string{name, a.Sources[name].Secret, "for " + s.API + a.Sources[name].Path})
	}
	table(os.Stdout, rows)
	return nil
}

func rotateCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("rotate", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	name := flags.String("name", "", "the account's id")
	from := flags.String("source", "", "the source, as tawkto")
	given := flags.String("secret", "", "the secret that the sender made; without it a new one is made")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *name == "" || *from == "" {
		return errors.New("usage: make rotate NAME=… SOURCE=tawkto [SECRET=…] [STAGE=dev|prod [REGION=…]]")
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	var r struct {
		Account            string `json:"account"`
		Source             string `json:"source"`
		Secret             string `json:"secret"`
		PreviousValidUntil string `json:"previousValidUntil"`
	}
	request := map[string]string{"action": "rotate-secret", "account": *name, "source": *from, "secret": *given}
	if err := s.call(ctx, "admin", request, &r); err != nil {
		return err
	}
	if known, ok := s.Sources[r.Source]; ok && s.Emulator != "" && r.Account == s.Account {
		known.Secret = r.Secret
		s.Sources[r.Source] = known
		if err := writeOutputs(mainHome(root), s.outputs); err != nil {
			return err
		}
	}
	if *asJSON {
		return printJSON(r)
	}
	fmt.Printf("The source %s of the account %s has a new secret, shown this once:\n\n", bold(r.Source), bold(r.Account))
	table(os.Stdout, [][]string{{"secret", r.Secret}, {"the one before is valid until", r.PreviousValidUntil}})
	return nil
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
