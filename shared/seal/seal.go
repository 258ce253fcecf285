package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Schema is the version of the sealed record's layout: stored in every message in the clear, and authenticated.
const Schema = "1"

// MaxPlaintext is the longest plaintext, in bytes, that Seal takes and Open returns.
const MaxPlaintext = 64 << 20

// ErrOpen matches every error of Open. The classes below say why; to a caller's caller they are one.
var ErrOpen = errors.New("seal: message does not open")

var (
	// ErrFormat is a message that is truncated, continued after its end, or whose frames do not follow one another.
	ErrFormat = fmt.Errorf("%w: malformed", ErrOpen)
	// ErrUnsupported is a message of another version, suite, schema, provider or content type, or one too long.
	ErrUnsupported = fmt.Errorf("%w: unsupported", ErrOpen)
	// ErrAuth is the wrong key, the wrong context or an altered message.
	ErrAuth = fmt.Errorf("%w: not authentic", ErrOpen)
	// ErrCommitment is a data key that is not the one the message was committed to.
	ErrCommitment = fmt.Errorf("%w: key commitment differs", ErrOpen)

	// ErrInput is the caller's mistake: a key that is not 32 bytes, an unusable context, a plaintext too long.
	ErrInput = errors.New("seal: unusable input")
)

const (
	version    = "\x02\x04\x78"
	provenance = "\x00\x0d" + "\x00\x01" + "\x00\x06" + schemaKey + "\x00\x01" + Schema +
		"\x00\x01" + "\x00\x0csupportvault" + "\x00\x1arecord" + "\x00\x00\x00\x80" + "\x00\x00\x00\x0c"
	wrappedLen = "\x00\x30"
	framed     = "\x02"
	lastFrame  = "\xff\xff\xff\xff"

	frameText = "AWSKMSEncryptionClient Frame"
	finalText = "AWSKMSEncryptionClient Final Frame"

	keyLen, idLen, ivLen, tagLen, commitmentLen = 32, 32, 12, 16, 32

	idAt         = len(version)
	provenanceAt = idAt + idLen
	ivAt         = provenanceAt + len(provenance)
	wrappedLenAt = ivAt + ivLen
	wrappedAt    = wrappedLenAt + len(wrappedLen)
	framedAt     = wrappedAt + keyLen + tagLen
	frameLenAt   = framedAt + len(framed)
	commitmentAt = frameLenAt + 4
	headerTagAt  = commitmentAt + commitmentLen
	headerLen    = headerTagAt + tagLen

	frameOverhead = 4 + ivLen + tagLen
	finalOverhead = len(lastFrame) + 4 + ivLen + 4 + tagLen
	frameAADLen   = idLen + len(finalText) + 4 + 8

	frameLen = 64 << 10
)

var headerIV = make([]byte, ivLen)

// Seal encrypts plaintext, of at most MaxPlaintext bytes, under a 32-byte wrapping key. An error that is not ErrInput
// is a failure of the platform's cryptography.
func Seal(key []byte, ctx Context, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("%w: plaintext of %d bytes, more than %d", ErrInput, len(plaintext), MaxPlaintext)
	}
	return write(rand.Reader, frameLen, key, ctx, plaintext)
}

// Open returns the plaintext of a message that Seal made with the same key and context. Every error matches ErrOpen and
// one of ErrFormat, ErrUnsupported, ErrAuth, ErrCommitment and ErrInput; an error comes without plaintext. It allocates
// no more than the message's own size and the context's, whatever lengths the message claims.
func Open(key []byte, ctx Context, message []byte) ([]byte, error) {
	plaintext, err := read(key, ctx, message)
	if err != nil && !errors.Is(err, ErrOpen) {
		err = fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return plaintext, err
}

func write(random io.Reader, frameLen int, key []byte, ctx Context, plaintext []byte) ([]byte, error) {
	w, err := begin(random, frameLen, key, ctx, len(plaintext))
	if err != nil {
		return nil, err
	}
	for {
		n := min(len(plaintext), frameLen)
		final := n == len(plaintext)
		w.frame(plaintext[:n], final)
		if final {
			return w.out, nil
		}
		plaintext = plaintext[n:]
	}
}

// writer appends the frames of one message behind its header.
type writer struct {
	out     []byte
	frames  cipher.AEAD
	id, aad []byte
	seq     uint32
}

// begin writes the header of a message, in a buffer that has room for a plaintext of the size.
func begin(random io.Reader, frameLen int, key []byte, ctx Context, size int) (*writer, error) {
	wrapping, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	full, required, err := ctx.serialize()
	if err != nil {
		return nil, err
	}
	fresh := make([]byte, idLen+ivLen+keyLen)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, fmt.Errorf("seal: random bytes: %w", err)
	}
	id, iv, dataKey := fresh[:idLen], fresh[idLen:idLen+ivLen], fresh[idLen+ivLen:]
	frames, commitment, err := derive(dataKey, id)
	if err != nil {
		return nil, err
	}

	regular := max(size-1, 0) / frameLen
	out := make([]byte, 0, headerLen+regular*frameOverhead+finalOverhead+size)
	out = append(out, version...)
	out = append(out, id...)
	out = append(out, provenance...)
	out = append(out, iv...)
	out = append(out, wrappedLen...)
	out = wrapping.Seal(out, iv, dataKey, full)
	out = append(out, framed...)
	out = binary.BigEndian.AppendUint32(out, uint32(frameLen))
	out = append(out, commitment...)
	out = frames.Seal(out, headerIV, nil, append(slices.Clip(out), required...))
	return &writer{out: out, frames: frames, id: id, aad: make([]byte, 0, frameAADLen)}, nil
}

// frame seals the next frame. All but the final one have the header's frame length.
func (w *writer) frame(plaintext []byte, final bool) {
	w.seq++
	if final {
		w.out = append(w.out, lastFrame...)
	}
	w.out = binary.BigEndian.AppendUint32(w.out, w.seq)
	w.out = appendIV(w.out, w.seq)
	iv := w.out[len(w.out)-ivLen:]
	if final {
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(plaintext)))
	}
	w.aad = appendFrameAAD(w.aad[:0], w.id, final, w.seq, len(plaintext))
	w.out = w.frames.Seal(w.out, iv, plaintext, w.aad)
}

func read(key []byte, ctx Context, message []byte) ([]byte, error) {
	h, err := readHeader(key, ctx, message, headerLen+finalOverhead)
	if err != nil {
		return nil, err
	}
	return readFrames(h.frames, h.id, h.frameLen, message[headerLen:])
}

// header is what the header of a message says.
type header struct {
	frames   cipher.AEAD
	id       []byte
	frameLen int
}

// readHeader reads the header of a message, of which there must be so many bytes.
func readHeader(key []byte, ctx Context, message []byte, least int) (h header, err error) {
	wrapping, err := newGCM(key)
	if err != nil {
		return h, err
	}
	full, required, err := ctx.serialize()
	if err != nil {
		return h, err
	}
	switch {
	case len(message) >= len(version) && string(message[:idAt]) != version:
		return h, fmt.Errorf("%w version or suite", ErrUnsupported)
	case len(message) < least:
		return h, fmt.Errorf("%w: %d bytes are no message", ErrFormat, len(message))
	case string(message[provenanceAt:ivAt]) != provenance,
		string(message[wrappedLenAt:wrappedAt]) != wrappedLen,
		string(message[framedAt:frameLenAt]) != framed:
		return h, fmt.Errorf("%w schema, data key or content type", ErrUnsupported)
	}

	h.id = message[idAt:provenanceAt]
	dataKey, err := wrapping.Open(nil, message[ivAt:wrappedLenAt], message[wrappedAt:framedAt], full)
	if err != nil {
		return h, fmt.Errorf("%w: data key", ErrAuth)
	}
	frames, commitment, err := derive(dataKey, h.id)
	if err != nil {
		return h, err
	}
	if subtle.ConstantTimeCompare(commitment, message[commitmentAt:headerTagAt]) != 1 {
		return h, ErrCommitment
	}
	aad := append(slices.Clip(message[:headerTagAt]), required...)
	if _, err := frames.Open(nil, headerIV, message[headerTagAt:headerLen], aad); err != nil {
		return h, fmt.Errorf("%w: header", ErrAuth)
	}
	frameLen := binary.BigEndian.Uint32(message[frameLenAt:])
	if frameLen == 0 || frameLen > MaxPlaintext {
		return h, fmt.Errorf("%w frame length %d", ErrUnsupported, frameLen)
	}
	h.frames, h.frameLen = frames, int(frameLen)
	return h, nil
}

func readFrames(frames cipher.AEAD, id []byte, frameLen int, rest []byte) ([]byte, error) {
	out := make([]byte, 0, len(rest)-finalOverhead)
	aad, iv := make([]byte, 0, frameAADLen), make([]byte, 0, ivLen)
	for seq := uint32(1); ; seq++ {
		final := len(rest) >= finalOverhead && string(rest[:len(lastFrame)]) == lastFrame
		if final {
			rest = rest[len(lastFrame):]
		}
		if len(rest) < frameOverhead {
			return nil, fmt.Errorf("%w: no final frame", ErrFormat)
		}
		iv = appendIV(iv[:0], seq)
		if binary.BigEndian.Uint32(rest) != seq || string(rest[4:4+ivLen]) != string(iv) {
			return nil, fmt.Errorf("%w: frame %d out of sequence", ErrFormat, seq)
		}
		rest = rest[4+ivLen:]
		n := frameLen
		if final {
			length := binary.BigEndian.Uint32(rest)
			rest = rest[4:]
			if uint64(length) > uint64(frameLen) || int(length) != len(rest)-tagLen {
				return nil, fmt.Errorf("%w: final frame's length", ErrFormat)
			}
			n = int(length)
		} else if n > len(rest)-tagLen {
			return nil, fmt.Errorf("%w: frame %d truncated", ErrFormat, seq)
		}
		if len(out)+n > MaxPlaintext {
			return nil, fmt.Errorf("%w length, more than %d", ErrUnsupported, MaxPlaintext)
		}
		aad = appendFrameAAD(aad[:0], id, final, seq, n)
		var err error
		if out, err = frames.Open(out, iv, rest[:n+tagLen], aad); err != nil {
			return nil, fmt.Errorf("%w: frame %d", ErrAuth, seq)
		}
		if final {
			return out, nil
		}
		rest = rest[n+tagLen:]
	}
}

// derive returns the cipher of the header and the frames, and the commitment to its key.
func derive(dataKey, id []byte) (cipher.AEAD, []byte, error) {
	prk, err := hkdf.Extract(sha512.New, dataKey, id)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: derive: %w", err)
	}
	frameKey, err := hkdf.Expand(sha512.New, prk, version[1:]+"DERIVEKEY", keyLen)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: derive: %w", err)
	}
	commitment, err := hkdf.Expand(sha512.New, prk, "COMMITKEY", commitmentLen)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: derive: %w", err)
	}
	frames, err := newGCM(frameKey)
	return frames, commitment, err
}

func newGCM(key []byte) (cipher.AEAD, error) {
	if len(key) != keyLen {
		return nil, fmt.Errorf("%w: key of %d bytes, want %d", ErrInput, len(key), keyLen)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

func appendIV(b []byte, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, headerIV[:ivLen-4]...), seq)
}

func appendFrameAAD(b, id []byte, final bool, seq uint32, n int) []byte {
	text := frameText
	if final {
		text = finalText
	}
	b = append(append(b, id...), text...)
	b = binary.BigEndian.AppendUint32(b, seq)
	return binary.BigEndian.AppendUint64(b, uint64(n))
}
