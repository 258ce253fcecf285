package card

// partOfIdentifier says whether text[start:end], a number by all other rules, touches a UUID or an IBAN. Touching is
// enough, so that no identifier is ever altered in part.
func partOfIdentifier(text string, start, end int) bool {
	return inUUID(text, start) || inUUID(text, end-1) || inIBAN(text, start)
}

func inUUID(text string, at int) bool {
	const size = len("00000000-0000-0000-0000-000000000000")
	for i := max(0, at-size+1); i <= at && i+size <= len(text); i++ {
		if uuidAt(text, i, i+size) {
			return true
		}
	}
	return false
}

func uuidAt(text string, start, end int) bool {
	if start > 0 && isAlphanumeric(text[start-1]) || end < len(text) && isAlphanumeric(text[end]) {
		return false
	}
	for i := range end - start {
		switch c := text[start+i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

const (
	shortestIBAN = 15
	longestIBAN  = 34
)

// inIBAN walks back from at to what could be an IBAN's country and check digits, at most an IBAN's length away.
func inIBAN(text string, at int) bool {
	for i, seen := at-1, 0; i >= 0 && seen <= longestIBAN; i-- {
		switch {
		case isAlphanumeric(text[i]):
			seen++
			if isLetter(text[i]) && ibanEndsAfter(text, i, at) {
				return true
			}
		case !ibanSpace(text[i]):
			return false
		}
	}
	return false
}

// ibanEndsAfter says whether a valid IBAN (ISO 13616: mod 97 of the characters, the first four moved to the end, is 1)
// begins at start and reaches beyond at.
func ibanEndsAfter(text string, start, at int) bool {
	if start > 0 && isAlphanumeric(text[start-1]) || start+4 > len(text) {
		return false
	}
	head := text[start : start+4]
	if !isLetter(head[0]) || !isLetter(head[1]) || !isDigit(head[2]) || !isDigit(head[3]) {
		return false
	}
	remainder := 0
	for i, n := start+4, 4; i < len(text); i++ {
		c := text[i]
		if ibanSpace(c) && ibanSpace(text[i-1]) || !ibanSpace(c) && !isAlphanumeric(c) {
			return false
		}
		if ibanSpace(c) {
			continue
		}
		if n++; n > longestIBAN {
			return false
		}
		remainder = mod97(remainder, c)
		if n < shortestIBAN || i < at || i+1 < len(text) && isAlphanumeric(text[i+1]) {
			continue
		}
		whole := remainder
		for j := range head {
			whole = mod97(whole, head[j])
		}
		if whole == 1 {
			return true
		}
	}
	return false
}

func ibanSpace(c byte) bool { return c == ' ' || c == '-' }

func mod97(remainder int, c byte) int {
	if isDigit(c) {
		return (remainder*10 + int(c-'0')) % 97
	}
	return (remainder*100 + int(c|0x20-'a') + 10) % 97
}

// fractionOrPhone says whether what stands before a number of n digits in one piece or in groups makes it the fraction of
// a decimal number or a phone number.
func fractionOrPhone(text string, start, n, groups int) bool {
	const longestPhone = 15 // E.164
	if start == 0 {
		return false
	}
	switch text[start-1] {
	case '+':
		return n <= longestPhone
	case '.':
		return groups == 1 && start > 1 && isDigit(text[start-2])
	}
	return false
}
