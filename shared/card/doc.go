// Package card finds payment card numbers (PANs) in what people write and masks them: every digit but the last four
// becomes '*', separators stay, so that an agent still recognises "the card ending in 1111".
//
//	4111 1111 1111 1111   →   **** **** **** 1111
//
// # What is a card
//
//   - 12 to 19 digits, of which the first ones and the length are an issuer's (issuers.go) and the last is the Luhn
//     check digit. ISO/IEC 7812-1 defines the number's structure and the check digit.
//   - Digits are ASCII, full-width, Arabic-Indic, Persian or Devanagari.
//   - They stand in one piece or in groups as people and card faces have them (grouping.go). Between groups stand one to
//     three characters, at most one of which is not blank: spaces and tabs of any width, hyphens and dashes, dot, slash,
//     underscore. Invisible characters of pasted text (soft hyphen, zero-width space, direction marks) count as blank.
//   - A number in groups of four may continue on the next line, once, as mail programs wrap it. A number in one piece, or
//     in other groups, may not: columns of references look like that.
//   - An ASCII letter or a digit directly before means that it is part of something longer, and so does a letter directly
//     after a number in one piece. Letters of other scripts do not: Japanese sets no space before a number.
//   - Numbers beside a card ("… 1111 12/27 123") join its run of groups, so a card may begin and end at any group.
//     Where two lengths fit from the same first digit, 16 wins, then the longer.
//
// # What is not
//
// Phone numbers written with '+' (up to E.164's 15 digits), the fraction of a decimal number, anything that touches a
// UUID or an IBAN whose check digits hold, and digits spelt singly or in pairs as part of a longer row. IMEIs have 15
// digits, where no issuer uses 35.
//
// An unmasked card is worse than an altered look-alike, so real ambiguity goes to the card: of references that carry an
// issuer's prefix and length, the one in ten that passes the check digit is masked, in links too.
//
// # What it does not do
//
// Only numbers are masked: expiry dates and card verification codes stay (three digits are nothing without their card).
// It does not find a number with a typing error, glued to another number or to a word, spread over several
// messages, spelt in words, or behind markup between its digits. Cards of the Universal Air Travel Plan (15 digits,
// beginning with 1) are left alone, as no prefix tells them from other references.
package card
