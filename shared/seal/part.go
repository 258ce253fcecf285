package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// This file seals what comes in a stream, and opens some bytes of a message without the others.

// HeaderLen is how many bytes of a message stand before its frames.
const HeaderLen = headerLen

// ErrTooLong is returned for a stream of more bytes than its reader wants.
var ErrTooLong = fmt.Errorf("%w: the plaintext is too long", ErrInput)

// SealFrom is Seal of what a reader gives, of at most limit bytes, and answers how many there were. It keeps the message, and of
// the plaintext two frames. An error of the reader is answered as it is.
func SealFrom(key []byte, ctx Context, r io.Reader, limit int) (message []byte, size int, err error) {
	w, err := begin(rand.Reader, frameLen, key, ctx, 0)
	if err != nil {
		return nil, 0, err
	}
	limit = min(limit, MaxPlaintext)
	this, next := make([]byte, frameLen), make([]byte, frameLen)
	n, end, err := fill(r, this)
	for err == nil && !end {
		var m int
		m, end, err = fill(r, next)
		if m == 0 { // a full frame is the last if nothing follows
			break
		}
		if size+n+m > limit {
			return nil, 0, ErrTooLong
		}
		w.frame(this[:n], false)
		size, this, next, n = size+n, next, this, m
	}
	if err != nil {
		return nil, 0, err
	}
	if size += n; size > limit {
		return nil, 0, ErrTooLong
	}
	w.frame(this[:n], true)
	return w.out, size, nil
}

// fill reads until a buffer is full or the stream ends. Unlike io.ReadFull it tells a stream that ends from one that says of itself
// that it broke off.
func fill(r io.Reader, b []byte) (n int, end bool, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}

// Frames is which bytes of a message OpenPart needs beside its header, from start and before end, for the bytes of its plaintext,
// which has size bytes, from from and before to.
func Frames(size, from, to int64) (start, end int64) {
	first, last := span(from, to)
	return frameAt(size, first), frameAt(size, last+1)
}

// span are the frames that hold bytes of a plaintext, counted from zero.
func span(from, to int64) (first, last int64) {
	return from / frameLen, max(to-1, from) / frameLen
}

// frameAt is where a frame of a message begins; behind the last, where the message ends.
func frameAt(size, n int64) int64 {
	const regular = frameOverhead + frameLen
	if final := max(size-1, 0) / frameLen; n > final {
		return int64(headerLen) + final*int64(regular) + int64(finalOverhead) + size - final*frameLen
	}
	return int64(headerLen) + n*int64(regular)
}

// OpenPart is Open of the bytes of a plaintext from from and before to. The size of the whole must be known to the caller from where
// nobody else could write it: with it no frame can be missing, be another's or stand elsewhere. Given are the message's header and
// the bytes that Frames names. The errors are those of Open.
func OpenPart(key []byte, ctx Context, head, frames []byte, size, from, to int64) ([]byte, error) {
	if from < 0 || to < from || to > size || size > MaxPlaintext || from == size && size > 0 {
		return nil, fmt.Errorf("%w: %w: no such bytes", ErrOpen, ErrInput)
	}
	plain, err := openPart(key, ctx, head, frames, size, from, to)
	if err != nil && !errors.Is(err, ErrOpen) {
		err = fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return plain, err
}

func openPart(key []byte, ctx Context, head, sealed []byte, size, from, to int64) ([]byte, error) {
	h, err := readHeader(key, ctx, head, headerLen)
	if err != nil {
		return nil, err
	}
	if h.frameLen != frameLen {
		return nil, fmt.Errorf("%w frame length %d", ErrUnsupported, h.frameLen)
	}
	first, last := span(from, to)
	if int64(len(sealed)) != frameAt(size, last+1)-frameAt(size, first) {
		return nil, fmt.Errorf("%w: other frames", ErrFormat)
	}
	final := max(size-1, 0) / frameLen
	out := make([]byte, 0, (last-first+1)*frameLen)
	aad, iv := make([]byte, 0, frameAADLen), make([]byte, 0, ivLen)
	for at := first; at <= last; at++ {
		n, seq := frameLen, uint32(at+1)
		iv = appendIV(iv[:0], seq)
		opening := append(binary.BigEndian.AppendUint32(nil, seq), iv...)
		if at == final {
			n = int(size - final*frameLen)
			opening = binary.BigEndian.AppendUint32(append([]byte(lastFrame), opening...), uint32(n))
		}
		if !bytes.HasPrefix(sealed, opening) {
			return nil, fmt.Errorf("%w: frame %d out of sequence", ErrFormat, seq)
		}
		sealed = sealed[len(opening):]
		aad = appendFrameAAD(aad[:0], h.id, at == final, seq, n)
		if out, err = h.frames.Open(out, iv, sealed[:n+tagLen], aad); err != nil {
			return nil, fmt.Errorf("%w: frame %d", ErrAuth, seq)
		}
		sealed = sealed[n+tagLen:]
	}
	skip := first * frameLen
	return out[from-skip : to-skip], nil
}
