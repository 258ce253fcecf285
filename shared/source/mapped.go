package source

import (
	"cmp"
	"crypto/sha1" // some senders sign with nothing else
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// A mapped source takes deliveries whose body the sender's administrator writes: LiveHelpNow's Eventing API, triggers of
// Zendesk, automations of Freshdesk, payloads of one's own of Zammad. An account has as many as it wants, named mapped or
// mapped-NAME. Its settings say how a delivery shows whose it is, and have the mapping (mapping.go) or name one of ready/.
// A source that is named after a ready mapping has it from the beginning.
//
// What no rule of the mapping is for is acknowledged and not stored.

const (
	mappedName   = "mapped"
	mappedPrefix = mappedName + "-"
)

var mappedForm = regexp.MustCompile(`^mapped-[a-z0-9]{1,24}$`)

// Mapped says whether a source has a mapping.
func Mapped(name string) bool { return name == mappedName || mappedForm.MatchString(name) }

// Sender is a name of a closed list for logs and metrics: mapped, where an account chose the source's own.
func Sender(name string) string {
	if Mapped(name) {
		return mappedName
	}
	return name
}

// mapped is the adapter of a mapped source.
func mapped(name string) Adapter {
	ready := readyOf(name)
	return Adapter{
		Verify: verifyMapped, Setup: mappedSetup(ready),
		Adapt: func(d Delivery) (Adapted, error) { return adaptMapped(ready, d, nil) },
		Weak:  mappedWeak(account.SourceSettings{}),
	}
}

func mappedSetup(ready string) []string {
	if about, ok := readyMappings[ready]; ok {
		return about.setup
	}
	return []string{
		"Give the source a mapping, and try it with a body: PUT and POST …/sources/{source}.",
		"At the sender: POST each delivery to {url}, as JSON.",
		"In the header " + keyHeader + " of it, or as the settings have it, the secret {secret}",
	}
}

// ForSettings is an adapter as an account's settings make it, as far as the settings change what is said of it.
func ForSettings(name string, s account.SourceSettings) Adapter {
	a, _ := Lookup(name)
	if !Mapped(name) {
		return a
	}
	a.Weak = mappedWeak(s)
	if s.Ready != "" {
		a.Setup = mappedSetup(s.Ready)
	} else if len(s.Mapping) > 0 {
		a.Setup = mappedSetup("")
	}
	if s.Auth != nil {
		a.Setup = append(slices.Clone(a.Setup), "Whose a delivery is, it shows as the source's settings have it, whatever is said above of a header.")
	}
	return a
}

// Query is what stands behind a source's address: with {secret} the key, where the sender shows it there.
func Query(name string, s account.SourceSettings) string {
	if Mapped(name) && s.Auth != nil && s.Auth.Kind == account.AuthKey {
		return "?key={secret}"
	}
	return ""
}

func mappedWeak(s account.SourceSettings) string {
	switch auth := mappedAuth(s); {
	case auth.Kind == account.AuthKey:
		return "The secret stands in the address, where others may write it down, and signs nothing."
	case auth.Kind != account.AuthHMAC:
		return "The secret is sent along with every delivery and signs nothing."
	case auth.TimeHeader == "":
		return "The signature has no time: an old delivery can be sent again, and is then a duplicate."
	}
	return ""
}

func mappedAuth(s account.SourceSettings) account.SourceAuth {
	if s.Auth == nil {
		return account.SourceAuth{Kind: account.AuthHeader, Header: keyHeader}
	}
	return *s.Auth
}

var mappedHashes = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

func verifyMapped(d Delivery, secrets []string) error {
	auth := mappedAuth(d.Settings)
	var reason error
	switch auth.Kind {
	case account.AuthHMAC:
		reason = verifyMappedCode(auth, d, secrets)
	case account.AuthKey:
		key := d.Query["key"]
		if len(key) != 1 {
			key, reason = []string{""}, errUnsigned
		}
		reason = cmp.Or(reason, presented(secrets, key[0]))
	case account.AuthBasic:
		reason = verifyMappedPassword(auth, d, secrets)
	default:
		text, missing := header(d.Header, auth.Header)
		given, ok := strings.CutPrefix(text, auth.Prefix)
		if !ok {
			missing = cmp.Or(missing, errMalformed)
		}
		reason = cmp.Or(missing, presented(secrets, given))
	}
	if reason != nil {
		return ErrSignature.Because(reason)
	}
	return nil
}

func verifyMappedPassword(auth account.SourceAuth, d Delivery, secrets []string) error {
	user, password, reason := basic(d.Header)
	err := presented(secrets, password) // whoever the user is
	if presented([]string{auth.User}, user) != nil {
		err = cmp.Or(err, errMismatch)
	}
	return cmp.Or(reason, err)
}

func verifyMappedCode(auth account.SourceAuth, d Delivery, secrets []string) error {
	newHash := mappedHashes[auth.Hash]
	text, reason := header(d.Header, auth.Header)
	digits, ok := strings.CutPrefix(text, auth.Prefix)
	if !ok {
		reason = cmp.Or(reason, errMalformed)
	}
	var code []byte
	if reason == nil && auth.Encoding == "base64" {
		code, reason = fromBase64(digits, newHash)
	} else if reason == nil {
		code, reason = fromHex(digits, newHash)
	}
	timestamp := ""
	if auth.TimeHeader != "" {
		var missing error
		timestamp, missing = header(d.Header, auth.TimeHeader)
		reason = cmp.Or(reason, missing)
	}
	before, after, _ := strings.Cut(cmp.Or(auth.Signed, "{body}"), "{body}")
	stamped := strings.NewReplacer("{time}", timestamp)
	err := signed(newHash, secrets, code, []byte(stamped.Replace(before)), d.Body, []byte(stamped.Replace(after)))
	if reason = cmp.Or(reason, err); reason == nil && auth.TimeHeader != "" {
		reason = signedWithin(timestamp, d.Received, time.Duration(auth.Tolerance)*time.Second)
	}
	return reason
}

// signedWithin says whether a signed time, in seconds or milliseconds or as RFC 3339, lies within a tolerance of now.
func signedWithin(text string, now time.Time, most time.Duration) error {
	at, err := time.Parse(time.RFC3339, text)
	if decimal.MatchString(text) && len(text) <= len("1795179941286.999") {
		at, err = fromDecimal(text)
	}
	switch {
	case err != nil:
		return errMalformed
	case at.Before(now.Add(-most)):
		return errStale
	case at.After(now.Add(most)):
		return errAhead
	}
	return nil
}

// mappedTypeName is the type of a delivery, of the closed list of what can be made of one.
func mappedTypeName(kind retention.Kind, does string) string { return string(kind) + "." + does }

// adaptMapped reads a delivery by the account's mapping or the ready one. A trace, if there is one, is told what was found.
func adaptMapped(ready string, d Delivery, trace *Trace) (Adapted, error) {
	if err := strictjson.Check(d.Body); err != nil {
		return Adapted{}, err
	}
	m, err := mappingOf(ready, d.Settings)
	if err != nil {
		return Adapted{}, err
	}
	return m.adapt(d, trace)
}

// mappingOf is the mapping of a source: the account's own, the ready one that it chose, or that after which it is named. Without
// any, nothing is understood.
func mappingOf(ready string, s account.SourceSettings) (*Mapping, error) {
	if len(s.Mapping) > 0 {
		return ownMappings.read(s.Mapping)
	}
	if about, ok := readyMappings[cmp.Or(s.Ready, ready)]; ok {
		return about.mapping(), nil
	}
	return &Mapping{}, nil
}

// ownMappings are those that this process has read: reading one takes as long as fifty deliveries by it.
var ownMappings mappings

// maxMappings is how many mappings are remembered.
const maxMappings = 100

type mappings struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]*Mapping
}

func (all *mappings) read(document []byte) (*Mapping, error) {
	sum := sha256.Sum256(document)
	all.mu.Lock()
	defer all.mu.Unlock()
	if m, ok := all.of[sum]; ok {
		return m, nil
	}
	m, mistakes := ParseMapping(document)
	if len(mistakes) > 0 {
		return nil, ErrMapping // what a former version took
	}
	if all.of == nil || len(all.of) >= maxMappings {
		all.of = map[[sha256.Size]byte]*Mapping{}
	}
	all.of[sum] = m
	return m, nil
}

// headerForm is what the name of a header is made of (a token of RFC 9110).
var headerForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}$")

// CheckSettings says all that is wrong with the settings of a source, each with its place as a pointer of RFC 6901.
func CheckSettings(name string, s account.SourceSettings) (mistakes []Mistake) {
	wrong := func(place, says string) { mistakes = append(mistakes, Mistake{place, says}) }
	for i, host := range s.Hosts {
		if !hostForm.MatchString(host) || i >= maxHosts {
			wrong("/hosts/"+strconv.Itoa(i), "must be a name such as files.example.com or *.example.com, of which there are at most 20")
			break
		}
	}
	for i, origin := range s.Origins {
		if !originForm.MatchString(origin) || i >= maxHosts || len(origin) > maxID {
			wrong("/origins/"+strconv.Itoa(i), "must be an origin such as https://shop.example.com, of which there are at most 20")
			break
		}
	}
	if !adapters[name].Limited && len(s.Origins) > 0 {
		wrong("/origins", "are of the source beacon alone")
	}
	if !Mapped(name) {
		if s.Auth != nil || s.Ready != "" || len(s.Mapping) > 0 || s.Zone != "" {
			wrong("", "only a mapped source has auth, ready, mapping and zone")
		}
		return mistakes
	}
	if s.Auth != nil {
		mistakes = append(mistakes, checkAuth(*s.Auth)...)
	}
	if s.Zone != "" {
		if _, err := retention.Zone(s.Zone); err != nil || s.Zone == "Local" {
			wrong("/zone", "must be a name of the IANA database such as Europe/Berlin")
		}
	}
	if _, ok := readyMappings[s.Ready]; s.Ready != "" && !ok {
		wrong("/ready", "must be one of "+strings.Join(ReadyNames(), ", "))
	}
	if s.Ready != "" && len(s.Mapping) > 0 {
		wrong("/mapping", "is not given beside ready")
	}
	if len(s.Mapping) > 0 {
		_, all := ParseMapping(s.Mapping)
		for _, m := range all {
			wrong("/mapping"+m.Place, m.Says)
		}
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int { return strings.Compare(a.Place, b.Place) })
	return mistakes
}

const (
	maxHosts = 20
	// maxTolerance is how far a signed time may lie from ours at most, in seconds: an hour.
	maxTolerance = 3600
)

var hostForm = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`)

// originForm is a scheme and a host, perhaps with a port, as a browser writes an origin.
var originForm = regexp.MustCompile(`^https?://[a-z0-9.-]+(:[0-9]{1,5})?$`)

func checkAuth(a account.SourceAuth) (mistakes []Mistake) {
	wrong := func(field, says string) { mistakes = append(mistakes, Mistake{"/auth/" + field, says}) }
	needs := func(field string, given, needed bool) {
		if given != needed {
			wrong(field, map[bool]string{true: "is needed for this kind", false: "is not of this kind"}[needed])
		}
	}
	switch a.Kind {
	case account.AuthHeader, account.AuthKey, account.AuthBasic, account.AuthHMAC:
	default:
		wrong("kind", "must be header, key, basic or hmac")
		return mistakes
	}
	code := a.Kind == account.AuthHMAC
	needs("header", a.Header != "", code || a.Kind == account.AuthHeader)
	needs("user", a.User != "", a.Kind == account.AuthBasic)
	needs("hash", a.Hash != "", code)
	needs("encoding", a.Encoding != "", code)
	if !code {
		for field, given := range map[string]bool{"timeHeader": a.TimeHeader != "", "tolerance": a.Tolerance != 0, "signed": a.Signed != ""} {
			needs(field, given, false)
		}
	}
	for field, name := range map[string]string{"header": a.Header, "timeHeader": a.TimeHeader} {
		if name != "" && (!headerForm.MatchString(name) || textproto.CanonicalMIMEHeaderKey(name) == "Host") {
			wrong(field, "must be the name of a header")
		}
	}
	if len(a.Prefix) > 40 || !textForm.MatchString(a.Prefix) || a.Prefix != "" && !code && a.Kind != account.AuthHeader {
		wrong("prefix", "must be up to 40 visible characters before the secret or the code")
	}
	if len(a.User) > 100 || strings.Contains(a.User, ":") || !textForm.MatchString(a.User) {
		wrong("user", "must be up to 100 visible characters without a colon")
	}
	if code && a.Hash != "" && mappedHashes[a.Hash] == nil {
		wrong("hash", "must be sha1, sha256 or sha512")
	}
	if code && a.Encoding != "" && a.Encoding != "hex" && a.Encoding != "base64" {
		wrong("encoding", "must be hex or base64")
	}
	if form := cmp.Or(a.Signed, "{body}"); len(form) > 100 || strings.Count(form, "{body}") != 1 ||
		strings.Contains(form, "{time}") != (a.TimeHeader != "") {
		wrong("signed", "must have {body} once, and {time} if there is a timeHeader and only then")
	}
	if code && (a.TimeHeader != "") != (a.Tolerance > 0) || a.Tolerance < 0 || a.Tolerance > maxTolerance {
		wrong("tolerance", "must be 1 to 3600 seconds, with a timeHeader and only then")
	}
	return mistakes
}

var textForm = regexp.MustCompile(`^[ -~]*$`)
