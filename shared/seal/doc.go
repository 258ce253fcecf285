// Package seal encrypts one record under one 32-byte key and binds it to a context that it does not store.
//
// The format is message format version 2 of the AWS Encryption SDK, algorithm suite 0x0478: AES-256-GCM, HKDF-SHA-512
// and key commitment, without a signature. The source is the published specification,
// https://github.com/awslabs/aws-encryption-sdk-specification (data-format/, framework/raw-aes-keyring.md and
// framework/required-encryption-context-cmm.md), so the official clients open what Seal writes: with a raw AES keyring
// (namespace "supportvault", name "record") under a required encryption context CMM. The module in oracle/ tests it, in
// both directions.
//
// # Format
//
// Numbers are big-endian. Everything up to the data key's IV has the same bytes in every message but for the message id.
//
//	header, 197 bytes
//	  version            1  02
//	  suite              2  0478
//	  message id        32  random
//	  stored context    15  000d 0001, 0006 "schema", 0001 "1"
//	  data keys          2  0001
//	    provider id     14  000c "supportvault"
//	    provider info   28  001a "record", 00000080 (tag length in bits), 0000000c (IV length), then the IV, random
//	    data key        50  0030, 32 bytes encrypted, 16 of tag
//	  content type       1  02: framed
//	  frame length       4  00010000
//	  key commitment    32
//	  header tag        16
//
//	frame, all but the last: 32 bytes + frame length
//	  sequence           4  1, 2, 3, …
//	  IV                12  the sequence number
//	  ciphertext            as long as the header's frame length
//	  tag               16
//
//	final frame, always present: 40 bytes + length
//	  end                4  ffffffff
//	  sequence           4
//	  IV                12  the sequence number
//	  length             4  0 to the frame length
//	  ciphertext
//	  tag               16
//
// A message of one frame is 237 bytes longer than its plaintext, whatever the context.
//
//	data key    random; AES-256-GCM under the wrapping key, AAD = context with schema
//	prk         HKDF-Extract(SHA-512, salt = message id, data key)
//	frame key   HKDF-Expand(prk, 0478 "DERIVEKEY", 32)
//	commitment  HKDF-Expand(prk, "COMMITKEY", 32)
//	header tag  AES-256-GCM under the frame key, IV 0, no plaintext, AAD = header up to here ‖ context without schema
//	frame       AES-256-GCM under the frame key, AAD = message id ‖ "AWSKMSEncryptionClient Frame" or "… Final Frame" ‖
//	            sequence u32 ‖ length u64
//	context     count u16, then per pair, sorted by key: length u16, key, length u16, value; without pairs, nothing
//
// # What it does not do
//
// It reads only what it could have written, with any frame length up to MaxPlaintext: one data key of its own provider,
// that stored context, that suite, framed. Other messages of the SDK are ErrUnsupported. It neither makes nor looks up
// keys, does not compress, does not hide the plaintext's length, and does not wipe keys from memory. Open has a message and its
// plaintext in memory as a whole, so nothing unauthenticated is ever returned; SealFrom takes the plaintext as a stream, and
// OpenPart opens the frames that hold some of its bytes, which are authentic one by one.
//
// The data key's IV is random: seal fewer than 2^32 messages under one wrapping key. With GODEBUG=fips140=on it uses
// Go's FIPS 140-3 module; fips140=only refuses it, because the format prescribes the frames' IVs.
package seal
