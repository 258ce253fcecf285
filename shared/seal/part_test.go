package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/supportvault/supportvault/shared/seal"
)

var sizes = []int{0, 1, 1024, seal.FrameLen - 1, seal.FrameLen, seal.FrameLen + 1, 2 * seal.FrameLen, 3*seal.FrameLen + 5}

func TestSealFromOpens(t *testing.T) {
	for _, size := range sizes {
		for name, r := range map[string]io.Reader{
			"at once": bytes.NewReader(pattern(size)), "in pieces": iotest.HalfReader(bytes.NewReader(pattern(size))),
		} {
			t.Run(fmt.Sprintf("%d bytes, %s", size, name), func(t *testing.T) {
				message, n, err := seal.SealFrom(testKey, testCtx, r, size)
				if err != nil || n != size {
					t.Fatalf("sealed %d bytes: %v", n, err)
				}
				if want := len(mustSeal(t, testCtx, pattern(size))); len(message) != want {
					t.Errorf("the message has %d bytes, that of Seal %d", len(message), want)
				}
				if got, err := seal.Open(testKey, testCtx, message); err != nil || !bytes.Equal(got, pattern(size)) {
					t.Errorf("opened %d bytes: %v", len(got), err)
				}
			})
		}
	}
}

func TestSealFromRefuses(t *testing.T) {
	for _, size := range sizes[1:] {
		if _, _, err := seal.SealFrom(testKey, testCtx, bytes.NewReader(pattern(size)), size-1); !errors.Is(err, seal.ErrTooLong) {
			t.Errorf("%d bytes of %d: %v", size, size-1, err)
		}
	}
	for _, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF} {
		for _, size := range sizes {
			r := io.MultiReader(bytes.NewReader(pattern(size)), iotest.ErrReader(broken))
			if _, _, err := seal.SealFrom(testKey, testCtx, r, 1<<20); !errors.Is(err, broken) {
				t.Errorf("a stream that breaks after %d bytes: %v", size, err)
			}
		}
	}
	if _, _, err := seal.SealFrom(testKey[1:], testCtx, bytes.NewReader(nil), 1); !errors.Is(err, seal.ErrInput) {
		t.Errorf("a short key: %v", err)
	}
}

func TestOpenPart(t *testing.T) {
	for _, size := range sizes {
		message, plain := mustSeal(t, testCtx, pattern(size)), pattern(size)
		for _, r := range [][2]int{{0, size}, {0, 1}, {size - 1, size}, {size / 2, size/2 + 1}, {1, size - 1}, {seal.FrameLen - 1, seal.FrameLen + 1}} {
			from, to := int64(r[0]), int64(r[1])
			if from < 0 || to < from || to > int64(size) || from == int64(size) && size > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%d–%d of %d bytes", from, to, size), func(t *testing.T) {
				start, end := seal.Frames(int64(size), from, to)
				if end-start > to-from+3*seal.FrameLen {
					t.Errorf("%d bytes are read for %d", end-start, to-from)
				}
				got, err := seal.OpenPart(testKey, testCtx, message[:seal.HeaderLen], message[start:end], int64(size), from, to)
				if err != nil || !bytes.Equal(got, plain[from:to]) {
					t.Errorf("opened %d bytes: %v", len(got), err)
				}
			})
		}
	}
}

func TestOpenPartRefuses(t *testing.T) {
	const size = 3*seal.FrameLen + 5
	message := mustSeal(t, testCtx, pattern(size))
	other := mustSeal(t, testCtx, pattern(size))
	start, end := seal.Frames(size, seal.FrameLen, 2*seal.FrameLen)
	frame := message[start:end]
	altered := bytes.Clone(frame)
	altered[100] ^= 1
	short := mustSeal(t, testCtx, pattern(2*seal.FrameLen))
	for _, tc := range []struct {
		name           string
		key            []byte
		ctx            seal.Context
		head, frames   []byte
		size, from, to int64
		class          string
	}{
		{"another key", append([]byte("x"), testKey[1:]...), testCtx, message, frame, size, seal.FrameLen, 2 * seal.FrameLen, "auth"},
		{"another context", testKey, seal.Context{"account": "x"}, message, frame, size, seal.FrameLen, 2 * seal.FrameLen, "auth"},
		{"an altered frame", testKey, testCtx, message, altered, size, seal.FrameLen, 2 * seal.FrameLen, "auth"},
		{"another message's frame", testKey, testCtx, message, other[start:end], size, seal.FrameLen, 2 * seal.FrameLen, "auth"},
		{"another place's frame", testKey, testCtx, message, frame, size, 0, seal.FrameLen, "format"},
		{"too few bytes", testKey, testCtx, message, frame[1:], size, seal.FrameLen, 2 * seal.FrameLen, "format"},
		{"too many bytes", testKey, testCtx, message, message[start : end+1], size, seal.FrameLen, 2 * seal.FrameLen, "format"},
		{"a header cut off", testKey, testCtx, message[:seal.HeaderLen-1], frame, size, seal.FrameLen, 2 * seal.FrameLen, "format"},
		{"the end of what was cut off and sealed anew", testKey, testCtx, short, short[start:], 3 * seal.FrameLen, seal.FrameLen, 2 * seal.FrameLen, "format"},
		{"bytes behind the end", testKey, testCtx, message, frame, size, size, size + 1, "input"},
		{"bytes before the beginning", testKey, testCtx, message, frame, size, -1, 1, "input"},
		{"bytes from behind", testKey, testCtx, message, frame, size, 2, 1, "input"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := seal.OpenPart(tc.key, tc.ctx, tc.head[:min(seal.HeaderLen, len(tc.head))], tc.frames, tc.size, tc.from, tc.to)
			if err == nil || got != nil || class(t, err) != tc.class {
				t.Errorf("%d bytes, %v; want an error of class %s", len(got), err, tc.class)
			}
		})
	}
}
