package seal_test

import (
	"bytes"
	"crypto/fips140"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/supportvault/supportvault/shared/seal"
)

var (
	testKey = []byte("0123456789abcdef0123456789abcdef")
	testCtx = seal.Context{
		"account": "acc_7Q2M9K", "kind": "conversation", "record": "01K5X0J9T2W4Y6Z8A0B2C4D6E8",
		"incarnation": "1", "revision": "42",
	}
)

// classes are the names by which the vectors call the errors.
var classes = map[string]error{
	"format": seal.ErrFormat, "unsupported": seal.ErrUnsupported, "auth": seal.ErrAuth,
	"commitment": seal.ErrCommitment, "input": seal.ErrInput,
}

// class names the one class that an error of Open belongs to.
func class(t testing.TB, err error) string {
	t.Helper()
	if !errors.Is(err, seal.ErrOpen) {
		t.Fatalf("error %v does not match ErrOpen", err)
	}
	var found []string
	for name, want := range classes {
		if errors.Is(err, want) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		t.Fatalf("error %v belongs to the classes %q, want exactly one", err, found)
	}
	return found[0]
}

func mustSeal(t testing.TB, ctx seal.Context, plaintext []byte) []byte {
	t.Helper()
	message, err := seal.Seal(testKey, ctx, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	const frame = seal.FrameLen
	for _, size := range []int{0, 1, 15, 16, 1024, frame - 1, frame, frame + 1, 2 * frame, 3*frame + 5, 5 << 20} {
		for name, ctx := range map[string]seal.Context{
			"no context": nil, "five pairs": testCtx, "an empty value, and not ASCII": {"leer": "", "größe": "☃ 😀", "𝄞": "z"},
		} {
			t.Run(fmt.Sprintf("%d bytes, %s", size, name), func(t *testing.T) {
				plaintext := pattern(size)
				message := mustSeal(t, ctx, plaintext)
				want := 237 + size + max(size-1, 0)/frame*32
				if len(message) != want || cap(message) != want {
					t.Errorf("message has %d bytes in a buffer of %d, want %d in both", len(message), cap(message), want)
				}
				got, err := seal.Open(testKey, maps.Clone(ctx), message)
				if err != nil {
					t.Fatal(err)
				}
				if got == nil || !bytes.Equal(got, plaintext) {
					t.Errorf("opened %d bytes that differ from the %d sealed", len(got), size)
				}
			})
		}
	}
}

func TestEveryMessageIsItsOwn(t *testing.T) {
	a, b := mustSeal(t, testCtx, pattern(64)), mustSeal(t, testCtx, pattern(64))
	same := 0
	for i := 237 - 40; i < len(a); i++ {
		if a[i] == b[i] {
			same++
		}
	}
	if bytes.Equal(a[3:35], b[3:35]) || bytes.Equal(a[96:144], b[96:144]) || same > 60 {
		t.Error("two messages of one plaintext share their id, data key or ciphertext")
	}
}

func TestEveryFlippedBitFails(t *testing.T) {
	message, err := seal.Write(zeros{}, 16, testKey, testCtx, pattern(40))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(message) {
		altered := bytes.Clone(message)
		altered[bit/8] ^= 1 << (bit % 8)
		got, err := seal.Open(testKey, testCtx, altered)
		if err == nil || got != nil {
			t.Fatalf("bit %d of byte %d flipped: opened", bit%8, bit/8)
		}
		if c := class(t, err); c == "input" {
			t.Fatalf("bit %d of byte %d flipped: %v", bit%8, bit/8, err)
		}
	}
}

func TestEveryTruncationFails(t *testing.T) {
	message, err := seal.Write(zeros{}, 16, testKey, testCtx, pattern(40))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(message) {
		got, err := seal.Open(testKey, testCtx, message[:n])
		if err == nil || got != nil {
			t.Fatalf("first %d of %d bytes: opened", n, len(message))
		}
		if c := class(t, err); c != "format" {
			t.Fatalf("first %d of %d bytes: class %q (%v), want format", n, len(message), c, err)
		}
	}
}

func TestContextMustBeTheSame(t *testing.T) {
	message := mustSeal(t, testCtx, pattern(40))
	with := func(change func(c seal.Context)) seal.Context {
		c := maps.Clone(testCtx)
		change(c)
		return c
	}
	for name, ctx := range map[string]seal.Context{
		"no context":          nil,
		"a pair is missing":   with(func(c seal.Context) { delete(c, "kind") }),
		"a pair is added":     with(func(c seal.Context) { c["more"] = "" }),
		"a value differs":     with(func(c seal.Context) { c["revision"] = "43" }),
		"a value is empty":    with(func(c seal.Context) { c["revision"] = "" }),
		"values are swapped":  with(func(c seal.Context) { c["kind"], c["account"] = c["account"], c["kind"] }),
		"a key differs":       with(func(c seal.Context) { c["Kind"] = c["kind"]; delete(c, "kind") }),
		"a border has moved":  with(func(c seal.Context) { c["revision4"] = "2"; delete(c, "revision") }),
		"a value is extended": with(func(c seal.Context) { c["revision"] += "\x00" }),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := seal.Open(testKey, ctx, message); !errors.Is(err, seal.ErrAuth) {
				t.Errorf("got %v, want ErrAuth", err)
			}
		})
	}
}

func TestFramesCannotBeRearranged(t *testing.T) {
	message, err := seal.Write(zeros{}, 16, testKey, testCtx, pattern(40))
	if err != nil {
		t.Fatal(err)
	}
	// The same data key and id, another frame length: its one frame is authentic behind the other's header.
	tooLong, err := seal.Write(zeros{}, 40, testKey, testCtx, pattern(40))
	if err != nil {
		t.Fatal(err)
	}
	const header, regular = 197, 32 + 16
	head, one, two, final := message[:header], message[header:header+regular],
		message[header+regular:header+2*regular], message[header+2*regular:]
	for name, parts := range map[string][][]byte{
		"swapped":                  {head, two, one, final},
		"first one repeated":       {head, one, one, two, final},
		"first one dropped":        {head, two, final},
		"last regular dropped":     {head, one, final},
		"only the final one":       {head, final},
		"final one too long":       {head, tooLong[header:]},
		"final one twice":          {head, one, two, final, final},
		"another message appended": {message, message},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := seal.Open(testKey, testCtx, bytes.Join(parts, nil)); !errors.Is(err, seal.ErrFormat) {
				t.Errorf("got %v, want ErrFormat", err)
			}
		})
	}
}

func TestUnusableInput(t *testing.T) {
	message := mustSeal(t, testCtx, nil)
	for _, tt := range []struct {
		name string
		key  []byte
		ctx  seal.Context
	}{
		{"no key", nil, testCtx},
		{"a key of 16 bytes", testKey[:16], testCtx},
		{"a key of 33 bytes", append(bytes.Clone(testKey), 0), testCtx},
		{"an empty context key", testKey, seal.Context{"": "x"}},
		{"the schema's key", testKey, seal.Context{"schema": "1"}},
		{"a reserved key", testKey, seal.Context{"aws-crypto-public-key": "x"}},
		{"a key that is not UTF-8", testKey, seal.Context{"\xff": "x"}},
		{"a value that is not UTF-8", testKey, seal.Context{"x": "\xc3"}},
		{"a value longer than its length field", testKey, seal.Context{"x": strings.Repeat("x", 1<<16)}},
		{"pairs longer than their length field", testKey, seal.Context{"x": strings.Repeat("x", 1<<15), "y": strings.Repeat("y", 1<<15)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := seal.Seal(tt.key, tt.ctx, nil); !errors.Is(err, seal.ErrInput) || got != nil {
				t.Errorf("Seal: got %v, want ErrInput", err)
			}
			_, err := seal.Open(tt.key, tt.ctx, message)
			if c := class(t, err); c != "input" {
				t.Errorf("Open: got %v, want ErrInput", err)
			}
		})
	}
}

func TestLongestContext(t *testing.T) {
	ctx := seal.Context{"x": strings.Repeat("y", 65535-2-(4+6+1)-(4+1))}
	if _, err := seal.Open(testKey, ctx, mustSeal(t, ctx, pattern(3))); err != nil {
		t.Error(err)
	}
	ctx["x"] += "y"
	if _, err := seal.Seal(testKey, ctx, nil); !errors.Is(err, seal.ErrInput) {
		t.Errorf("one byte longer: got %v, want ErrInput", err)
	}
}

func TestLongestPlaintext(t *testing.T) {
	plaintext := make([]byte, seal.MaxPlaintext+1)
	if _, err := seal.Seal(testKey, testCtx, plaintext); !errors.Is(err, seal.ErrInput) {
		t.Errorf("one byte too long: got %v, want ErrInput", err)
	}
	message := mustSeal(t, testCtx, plaintext[1:])
	got, err := seal.Open(testKey, testCtx, message)
	if err != nil || !bytes.Equal(got, plaintext[1:]) {
		t.Errorf("longest plaintext: %d bytes, %v", len(got), err)
	}
	if message, err = seal.Write(zeros{}, seal.FrameLen, testKey, testCtx, plaintext); err != nil {
		t.Fatal(err)
	}
	if got, err := seal.Open(testKey, testCtx, message); !errors.Is(err, seal.ErrUnsupported) || got != nil {
		t.Errorf("a message one byte too long: %d bytes, %v, want ErrUnsupported", len(got), err)
	}
}

func TestClaimedLengthsAllocateNothing(t *testing.T) {
	message := mustSeal(t, testCtx, pattern(16))
	copy(message[len(message)-36:], "\x7f\xff\xff\xff") // the final frame's length
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := seal.Open(testKey, testCtx, message)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, seal.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
		t.Errorf("allocated %d bytes for a message of %d", n, len(message))
	}
}

func TestInputsAreLeftAlone(t *testing.T) {
	key, ctx, plaintext := bytes.Clone(testKey), maps.Clone(testCtx), append(make([]byte, 0, 512), pattern(100)...)
	message := mustSeal(t, ctx, plaintext)
	room := append(make([]byte, 0, 4096), message...)
	if _, err := seal.Open(key, ctx, room); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key, testKey) || !maps.Equal(ctx, testCtx) || !bytes.Equal(plaintext, pattern(100)) ||
		!bytes.Equal(room, message) || !bytes.Equal(room[len(room):cap(room)], make([]byte, cap(room)-len(room))) {
		t.Error("Seal or Open wrote into an argument")
	}
}

func TestConcurrentUse(t *testing.T) {
	message := mustSeal(t, testCtx, pattern(100))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if _, err := seal.Seal(testKey, testCtx, message); err != nil {
					t.Error(err)
				}
				if _, err := seal.Open(testKey, testCtx, message); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestFIPS runs the vectors and a round trip again in a process whose cryptography is Go's FIPS 140-3 module.
func TestFIPS(t *testing.T) {
	if os.Getenv("SEAL_TEST_FIPS") != "" {
		if !fips140.Enabled() {
			t.Error("the FIPS 140-3 module is not in use")
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestFIPS|TestVectors|TestRoundTrip)$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on", "SEAL_TEST_FIPS=1", "UPDATE_GOLDEN=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func BenchmarkSeal1KB(b *testing.B) {
	plaintext := pattern(1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := seal.Seal(testKey, testCtx, plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen1KB(b *testing.B) {
	message := mustSeal(b, testCtx, pattern(1024))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := seal.Open(testKey, testCtx, message); err != nil {
			b.Fatal(err)
		}
	}
}

// zeros is a source of random bytes that are not.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
