package source

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// Delivery is one webhook as it arrived.
type Delivery struct {
	Header http.Header
	// Query is what stands behind the address; of some senders the key.
	Query    url.Values
	Body     []byte
	Received time.Time
	// Address stands for that from where it came: a name that cannot be led back to it.
	Address string
	// Settings are what the account chose for the source.
	Settings account.SourceSettings
}

// Adapter knows one sender.
type Adapter struct {
	// Verify says whether one of the secrets signed the delivery. Its error tells the log why not; the sender of an
	// unverified delivery is never told.
	Verify func(d Delivery, secrets []string) error
	// Adapt makes events of a verified delivery; unknown types of delivery give none and a name to count.
	Adapt func(d Delivery) (Adapted, error)
	// Secret makes a secret of the form that the sender wants. Without it account.NewSecret does. Of a sender whose secrets nobody
	// else can make, it is a text that says so and that nothing verifies with.
	Secret func() string
	// Given says whether a secret that the sender has made can be one of its own. Without it any 8 to 256 visible characters can.
	Given func(secret string) bool
	// Setup is how an administrator makes the sender deliver, a step a line. {url} stands for the address to give it, {secret}
	// for the secret, {source} for the name of the source.
	Setup []string
	// Limited says that anybody can send, so that no more is taken from one address than one person sends.
	Limited bool
	// Weak says what the sender's signature does not give; empty where nothing is missing.
	Weak string
	// Hosts are from where the links to the sender's files lead: names, or *.names for all below. The account may add others.
	Hosts []string
}

// Adapted is what a delivery turned out to be.
type Adapted struct {
	// Name is the sender's name of the type of delivery, from a closed list of the adapter, or "other": it is a metric's
	// dimension and must not hold what a sender chose.
	Name   string
	Events []conversation.Event
}

var adapters = map[string]Adapter{
	// An adapter for another sender is a file of its own and a line here.
	"beacon":    beacon,
	"canonical": canonical,
	"chatwoot":  chatwoot,
	"freshdesk": freshdesk,
	"livechat":  livechat,
	"crisp":     crisp,
	"freshchat": freshchat,
	"intercom":  intercom,
	"tawkto":    tawkto,
	"zammad":    zammad,
	"zendesk":   zendesk,
}

// Lookup is the adapter of a source.
func Lookup(name string) (Adapter, bool) {
	if Mapped(name) {
		return mapped(name), true
	}
	a, ok := adapters[name]
	return a, ok
}

// Names are the sources that an account has from the beginning, sorted: one for each sender, and one for each ready mapping.
func Names() []string {
	names := slices.Collect(maps.Keys(adapters))
	for _, ready := range ReadyNames() {
		names = append(names, mappedPrefix+ready)
	}
	slices.Sort(names)
	return names
}

// NewSecret is a random secret for a source, of the form that its sender wants.
func NewSecret(name string) string {
	if a, ok := Lookup(name); ok && a.Secret != nil {
		return a.Secret()
	}
	return account.NewSecret()
}

var secretForm = regexp.MustCompile(`^[!-~]+$`)

// visible says whether a secret is of 8 to 256 visible characters.
func visible(secret string) bool {
	return len(secret) >= 8 && len(secret) <= 256 && secretForm.MatchString(secret)
}

// ValidSecret says whether a secret that a sender made can be one of the source.
func ValidSecret(name, secret string) bool {
	a, ok := Lookup(name)
	if ok && a.Given != nil {
		return a.Given(secret)
	}
	return ok && visible(secret)
}

// The faults of deliveries.
var (
	ErrSignature = fault.New(fault.Unauthorized, "signature_invalid", "The delivery is not signed with the secret of this source, or too long ago.")
	ErrMissing   = fault.New(fault.Invalid, "field_missing", "A field that identifies the conversation, the message or its time is missing or empty.")
	ErrTime      = fault.New(fault.Invalid, "time_out_of_range", "A time in the delivery lies before the year 2000 or more than a day ahead.")
	ErrIDTooLong = fault.New(fault.Invalid, "id_too_long", "An id in the delivery is longer than 256 bytes.")
)

// otherName stands for every name that an adapter does not know.
const otherName = "other"

// eventName checks a body and is the type of a delivery, under the sender's word for it. The rest of the body is read only when
// the type is one that is kept, so that a new type of a known sender is never refused for its shape.
func eventName(body []byte, member string) (string, error) {
	if err := strictjson.Check(body); err != nil {
		return "", err
	}
	name, err := strictjson.Text(body, member)
	if err == nil && name == "" {
		err = ErrMissing
	}
	return name, err
}
