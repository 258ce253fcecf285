package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReceiptsOf(t *testing.T) {
	type part = receiptsPart
	head := part{Lines: []byte("head\n"), PublicKeys: "keys", Last: 3, Number: 1}
	down := errors.New("down")
	for _, tc := range []struct {
		name  string
		parts []part // in the order of asking
		want  string
		says  string
	}{
		{"joins what is given in parts", []part{
			head,
			{Lines: []byte("one\ntw"), Number: 2, Offset: 2},
			{Lines: []byte("o\n"), Number: 3},
			{Lines: []byte("three\n"), Number: 4},
		}, "head\none\ntwo\nthree\n", ""},
		{"leaves out what the head does not count", []part{head, {Lines: []byte("one\ntwo\nthree\nfour\nfi"), Number: 5, Offset: 2}},
			"head\none\ntwo\nthree\n", ""},
		{"asks no more where there is no receipt", []part{{Lines: []byte("head\n"), PublicKeys: "keys", Number: 1}}, "head\n", ""},
		{"says that there is none", nil, "", "down"},
		{"says that there is no head", []part{{}}, "", "no head"},
		{"says that there are no keys", []part{{Lines: []byte("head\n")}}, "", "no head"},
		{"passes on what fails later", []part{head, {Lines: []byte("one\n"), Number: 2}}, "", "down"},
		{"does not turn in a circle", []part{head, {Lines: []byte("one\n"), Number: 1}}, "", "no further"},
		{"does not ask for ever", []part{head, {Number: 2}}, "", "no further"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := part{}
			parts := tc.parts
			var set strings.Builder
			n, keys, err := receiptsOf(&set, func(number int64, offset int) (part, error) {
				if number != at.Number || offset != at.Offset {
					t.Errorf("asks for %d at %d, want %d at %d", number, offset, at.Number, at.Offset)
				}
				if len(parts) == 0 {
					return part{}, down
				}
				at, parts = parts[0], parts[1:]
				return at, nil
			})
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("got %v, want an error that says %q", err, tc.says)
				}
				return
			}
			if err != nil || set.String() != tc.want || n != tc.parts[0].Last || keys != "keys" {
				t.Errorf("got %q with %d receipts and %q, %v; want %q", set.String(), n, keys, err, tc.want)
			}
		})
	}
}
