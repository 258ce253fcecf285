package card

// issuer is one range of the first six digits, inclusive, with the lengths in use there.
type issuer struct {
	low, high int
	lengths   uint32 // bit n: numbers of n digits exist
}

func lengths(of ...int) uint32 {
	var set uint32
	for _, n := range of {
		set |= 1 << n
	}
	return set
}

var (
	only16    = lengths(16)
	from16    = lengths(16, 17, 18, 19)
	from12    = lengths(12, 13, 14, 15, 16, 17, 18, 19)
	visa      = lengths(13, 16, 19)
	diners    = lengths(14, 16, 17, 18, 19)
	amexOrJCB = lengths(15)
)

// issuers lists the ranges in ascending order, without overlap. The first digits are the issuer identification number of
// ISO/IEC 7812-1; the registry itself (ISO/IEC 7812-2) is not public, so the ranges are those that the networks publish
// for merchants and acquirers: Visa, Mastercard (with the 2-series of 2017 and Maestro), American Express, Discover
// (whose bulletins also give Diners Club, JCB and UnionPay), NPCI for RuPay, NSPK for Mir, and the domestic schemes', as
// collected in https://en.wikipedia.org/wiki/Payment_card_number.
//
// Two entries are wider than published. JCB's 16 digits are accepted in all of 35, as test data and older validators have
// them. Maestro's range is all of 50, 56–58 and 6, whose unused parts are leased to domestic schemes (Elo, Verve, Meeza,
// Dankort, Hipercard, Laser); the short numbers, 12 to 15 digits, are accepted only where Maestro issued them, because
// phone numbers without their '+' have that length and begin with 60 to 66.
var issuers = [...]issuer{
	{60400, 60499, from12},      // Maestro, older lists
	{180000, 180099, amexOrJCB}, // JCB, first series
	{213100, 213199, amexOrJCB}, // JCB, first series
	{220000, 220499, from16},    // Mir
	{220500, 220599, only16},    // PayPak, Borica
	{222100, 272099, only16},    // Mastercard, 2-series
	{300000, 305999, diners},    // Diners Club
	{309000, 309999, diners},    // Diners Club
	{340000, 349999, amexOrJCB}, // American Express
	{350000, 352799, only16},    // not issued, see above
	{352800, 358999, from16},    // JCB
	{359000, 359999, only16},    // not issued, see above
	{360000, 369999, diners},    // Diners Club
	{370000, 379999, amexOrJCB}, // American Express
	{380000, 399999, diners},    // Diners Club
	{400000, 499999, visa},      // Visa
	{500000, 501799, from16},    // Maestro and domestic schemes
	{501800, 501899, from12},    // Maestro
	{501900, 501999, from16},    // Dankort
	{502000, 502099, from12},    // Maestro
	{502100, 503799, from16},    // Maestro and domestic schemes
	{503800, 503899, from12},    // Maestro
	{503900, 509999, from16},    // Maestro, Verve, Elo, Meeza, RuPay
	{510000, 559999, only16},    // Mastercard
	{560000, 589999, from12},    // Maestro
	{600000, 630399, from16},    // RuPay, Hipercard, Discover, UnionPay
	{630400, 630499, from12},    // Maestro
	{630500, 638999, from16},    // Maestro and domestic schemes
	{639000, 639099, from12},    // Maestro
	{639100, 669999, from16},    // Discover, RuPay, Verve, Troy
	{670000, 679999, from12},    // Maestro
	{680000, 699999, from16},    // Maestro
	{810000, 817199, from16},    // UnionPay
	{817200, 820199, only16},    // RuPay
	{860000, 860099, only16},    // Uzcard
	{911200, 911299, only16},    // Belkart
	{970400, 970499, from16},    // Napas
	{979200, 979299, only16},    // Troy
	{986000, 986099, only16},    // Humo
}

// issued says whether some issuer has numbers of this length that begin so.
func issued(digits []byte) bool {
	first6 := 0
	for _, d := range digits[:6] {
		first6 = first6*10 + int(d)
	}
	for _, r := range issuers {
		if first6 <= r.high {
			return first6 >= r.low && r.lengths>>len(digits)&1 == 1
		}
	}
	return false
}
