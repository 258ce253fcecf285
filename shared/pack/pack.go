// Package pack compresses what is sealed, because DynamoDB bills by the KB: Zstandard (RFC 8878), which a twenty-message
// transcript shrinks under to about a third.
package pack

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// MaxSize bounds what Unpack makes of a message.
const MaxSize = 16 << 20

// ErrPack is returned for what Pack did not write.
var ErrPack = errors.New("pack: not a packed message")

// One encoder and one decoder serve the process: both are safe for concurrent use in their one-call form, and costly to
// make. A window of 1 MiB is as much as one delivery has.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxSize))
		if err != nil {
			panic(err)
		}
		return d
	})
)

// Pack compresses. What it compresses is authenticated by the seal around it, so it carries no checksum.
func Pack(b []byte) []byte { return encoder().EncodeAll(b, make([]byte, 0, len(b)/2+64)) }

// Unpack is the inverse of Pack.
func Unpack(b []byte) ([]byte, error) {
	out, err := decoder().DecodeAll(b, nil)
	if err != nil {
		return nil, ErrPack
	}
	return out, nil
}
