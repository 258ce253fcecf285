// Package pack compresses what is sealed, because DynamoDB bills by the KB: Zstandard (RFC 8878), which a twenty-message
// transcript shrinks under to about a third. What is too short to cost less when it is shorter stays as it is:
//
//	28 b5 2f fd …    a frame of Zstandard
//	00 …             the bytes themselves
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

// short is the length in bytes below which nothing is compressed: with its keys and the seal around it, an item of it is
// below the KB that a write costs at least.
const short = 512

const plain = 0x00

// Pack compresses. What it compresses is authenticated by the seal around it, so it carries no checksum.
func Pack(b []byte) []byte {
	if len(b) < short {
		return append([]byte{plain}, b...)
	}
	return encoder().EncodeAll(b, make([]byte, 0, len(b)/2+64))
}

// Unpack is the inverse of Pack.
func Unpack(b []byte) ([]byte, error) {
	if len(b) > 0 && len(b) <= short && b[0] == plain {
		return b[1:], nil
	}
	out, err := decoder().DecodeAll(b, nil)
	if err != nil {
		return nil, ErrPack
	}
	return out, nil
}
