package seal_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/supportvault/supportvault/shared/seal"
)

// FuzzRoundTrip: what was sealed opens, and nothing that differs from it does.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(nil), "account", "acc_7Q2M9K", uint16(1), uint32(0), uint32(0))
	f.Add([]byte("x"), "größe", "☃", uint16(1), uint32(1500), uint32(236))
	f.Add(pattern(64), "k", "", uint16(16), uint32(1600), uint32(197))
	f.Add(pattern(300), "schemb", "😀", uint16(299), uint32(2700), uint32(400))
	f.Add(pattern(300), "schema", "1", uint16(64), uint32(9), uint32(3))
	f.Add(pattern(10), "", "\xff", uint16(64), uint32(9), uint32(3))
	f.Fuzz(func(t *testing.T, plaintext []byte, k, v string, frame uint16, bit, cut uint32) {
		ctx := seal.Context{k: v, "kind": "conversation"}
		message, err := seal.Write(zeros{}, max(int(frame), 1), testKey, ctx, plaintext)
		if errors.Is(err, seal.ErrInput) {
			if _, err := seal.Open(testKey, ctx, mustSeal(t, nil, plaintext)); !errors.Is(err, seal.ErrInput) {
				t.Fatalf("Seal refuses the context, Open answers %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := seal.Open(testKey, ctx, message)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("got %x, %v, want %x", got, err, plaintext)
		}

		refuse := func(what string, ctx seal.Context, message []byte) {
			t.Helper()
			got, err := seal.Open(testKey, ctx, message)
			if err == nil || got != nil {
				t.Fatalf("%s: opened", what)
			}
			class(t, err)
		}
		i := int(bit) % (8 * len(message))
		altered := bytes.Clone(message)
		altered[i/8] ^= 1 << (i % 8)
		refuse("flipped bit", ctx, altered)
		refuse("truncated", ctx, message[:int(cut)%len(message)])
		refuse("continued", ctx, append(slices.Clip(message), byte(bit)))
		for what, change := range map[string]func(seal.Context){
			"value changed": func(c seal.Context) { c["kind"] += "x" },
			"pair missing":  func(c seal.Context) { delete(c, k) },
			"pair added":    func(c seal.Context) { c[k+"x"] = v },
			"pair renamed":  func(c seal.Context) { delete(c, k); c[k+"x"] = v },
			"pair swapped":  func(c seal.Context) { delete(c, k); c[v] = k },
		} {
			other := maps.Clone(ctx)
			if change(other); !maps.Equal(other, ctx) {
				refuse(what, other, message)
			}
		}
	})
}

// FuzzOpen: bytes that Seal did not make never open, and never panic.
func FuzzOpen(f *testing.F) {
	for _, message := range seeds(f) {
		f.Add(message)
	}
	key := bytes.Repeat([]byte{0xa5}, 32) // no seed was sealed under it
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := seal.Open(key, testCtx, message)
		if err == nil || got != nil {
			t.Fatalf("opened %d bytes", len(message))
		}
		class(t, err)
	})
}

// FuzzFrames puts a body behind an authentic header: only the authentic body opens.
func FuzzFrames(f *testing.F) {
	const header, regular = 197, 32 + 16
	plaintext := pattern(40)
	message, err := seal.Write(zeros{}, 16, testKey, testCtx, plaintext)
	if err != nil {
		f.Fatal(err)
	}
	body := message[header:]
	for _, seed := range [][]byte{
		nil, body, body[:regular], body[regular:], body[2*regular:], append(bytes.Clone(body), body...),
		append(bytes.Clone(body[:regular]), body...), bytes.Repeat([]byte{0xff}, 40), make([]byte, 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := seal.Open(testKey, testCtx, append(slices.Clip(message[:header]), b...))
		switch {
		case bytes.Equal(b, body):
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Fatalf("the authentic body: %x, %v", got, err)
			}
		case err == nil || got != nil:
			t.Fatalf("another body of %d bytes opened", len(b))
		default:
			if c := class(t, err); c != "format" && c != "auth" {
				t.Fatalf("refused as %q: %v", c, err)
			}
		}
	})
}

func seeds(f *testing.F) [][]byte {
	out := [][]byte{nil, {2}, {2, 4, 0x78}, make([]byte, 237), append([]byte{2, 4, 0x78}, make([]byte, 234)...)}
	for _, size := range []int{0, 1, 40} {
		message, err := seal.Write(zeros{}, 16, testKey, testCtx, pattern(size))
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, message)
	}
	return out
}
