package pack_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/supportvault/supportvault/shared/pack"
)

func noise(n int) []byte {
	r, b := rand.New(rand.NewPCG(1, uint64(n))), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name  string
		plain []byte
	}{
		{"a byte", []byte{0}},
		{"a sentence", []byte("Where is my parcel?")},
		{"what cannot be compressed", noise(4096)},
		{"what can", bytes.Repeat([]byte("Where is my parcel? "), 5000)},
		{"more than the window", noise(3 << 20)},
		{"what was packed already", pack.Pack([]byte("Where is my parcel?"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := bytes.Clone(tc.plain)
			packed := pack.Pack(tc.plain)
			got, err := pack.Unpack(packed)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, tc.plain) || !bytes.Equal(before, tc.plain) {
				t.Errorf("%d bytes come back as %d", len(tc.plain), len(got))
			}
			if limit := len(tc.plain) + len(tc.plain)/1000 + 32; len(packed) > limit {
				t.Errorf("%d bytes are packed into %d", len(tc.plain), len(packed))
			}
		})
	}
}

func TestATranscriptShrinksToAThird(t *testing.T) {
	var b strings.Builder
	r := rand.New(rand.NewPCG(1, 1))
	words := strings.Fields("hello where is my parcel it should have come on friday but nobody rang please check the address thank you one moment I see that the driver was here and left a card with the number of the shop")
	for i := range 20 {
		b.WriteString(`{"id":"`)
		b.WriteByte(byte('a' + i))
		b.WriteString(`","time":"2026-11-21T12:00:00.000Z","author":{"role":"visitor","name":""},"text":"`)
		for range 12 + r.IntN(20) {
			b.WriteString(words[r.IntN(len(words))] + " ")
		}
		b.WriteString(`","attachments":[]},`)
	}
	if packed := pack.Pack([]byte(b.String())); len(packed) > b.Len()*2/5 {
		t.Errorf("%d bytes are packed into %d", b.Len(), len(packed))
	}
}

func TestUnpackIsBounded(t *testing.T) {
	most := make([]byte, pack.MaxSize)
	if got, err := pack.Unpack(pack.Pack(most)); err != nil || len(got) != pack.MaxSize {
		t.Errorf("the largest message comes back as %d bytes, %v", len(got), err)
	}
	stream := func(sizes ...int) []byte { // frames that do not tell their size
		var b bytes.Buffer
		for _, size := range sizes {
			w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			for size > 0 {
				n := min(size, 1<<20)
				if _, err := w.Write(most[:n]); err != nil {
					t.Fatal(err)
				}
				size -= n
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	for _, tc := range []struct {
		name string
		bomb []byte
	}{
		{"a byte too many", pack.Pack(append(most, 0))},
		{"twice as much, of which the frame does not tell", stream(2 * pack.MaxSize)},
		{"too many in several frames", stream(40<<20, 40<<20)},
		{"a frame that claims more than it has", []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := pack.Unpack(tc.bomb); !errors.Is(err, pack.ErrPack) || got != nil {
				t.Errorf("%d bytes became %d, %v, want %v", len(tc.bomb), len(got), err, pack.ErrPack)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	packed := pack.Pack([]byte(strings.Repeat("Where is my parcel? ", 200)))
	for _, tc := range []struct {
		name   string
		packed []byte
	}{
		{"a text", []byte("canary: where is my parcel?")},
		{"JSON", []byte(`{"a":1}`)},
		{"something plain that is not short", make([]byte, 513)},
		{"gzip", []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"the magic number alone", packed[:4]},
		{"a message cut off", packed[:len(packed)-1]},
		{"a message without its beginning", packed[1:]},
		{"something behind a message", append(bytes.Clone(packed), "canary canary"...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := pack.Unpack(tc.packed)
			if !errors.Is(err, pack.ErrPack) || got != nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("unpacked %d bytes, %v, want %v", len(got), err, pack.ErrPack)
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			plain := noise(1000 + i)
			for range 50 {
				if got, err := pack.Unpack(pack.Pack(plain)); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes come back as %d, %v", len(plain), len(got), err)
					return
				}
			}
		})
	}
	all.Wait()
}

func FuzzUnpack(f *testing.F) {
	for _, plain := range []string{"", "a", "Where is my parcel?", strings.Repeat("a", 100_000), string(noise(300))} {
		f.Add(pack.Pack([]byte(plain)))
	}
	f.Add([]byte("text"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01, 0, 0})
	f.Fuzz(func(t *testing.T, packed []byte) {
		plain, err := pack.Unpack(packed)
		if err != nil {
			if !errors.Is(err, pack.ErrPack) || plain != nil {
				t.Errorf("unpacked %d bytes, %v", len(plain), err)
			}
			return
		}
		if len(plain) > pack.MaxSize {
			t.Fatalf("%d bytes became %d", len(packed), len(plain))
		}
		again, err := pack.Unpack(pack.Pack(plain))
		if err != nil || !bytes.Equal(again, plain) {
			t.Errorf("%d bytes come back as %d, %v", len(plain), len(again), err)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("Where is my parcel?"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, plain []byte) {
		got, err := pack.Unpack(pack.Pack(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes come back as %d, %v", len(plain), len(got), err)
		}
	})
}
