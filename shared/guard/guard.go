// Package guard fetches from addresses that strangers choose. An address in a webhook leads wherever its writer wants: to the
// metadata of the machine, to a service that listens inside of the network, to a name that resolves to either. So
//
//   - only https on port 443 is spoken, to names (never to an address) of a list that the account and its senders have;
//   - every address that a name resolves to is looked at when it is dialled, not before, so that a name cannot change in between:
//     what the registries of IANA list as special is refused, and of IPv6 all that is not global unicast;
//   - no redirect is followed, no proxy of the environment is used, nothing but GET is sent, without cookies or credentials;
//   - what comes is bounded in time, in the size of its header, and by its reader in bytes. Nothing is unpacked.
//
// It does not look at what comes.
package guard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// MaxURL is the longest address in bytes.
const MaxURL = 2048

var (
	// ErrURL is returned for an address that is not of the form that is fetched.
	ErrURL = errors.New("guard: not an https address of a host on its port")
	// ErrHost is returned for a host that is not on the list.
	ErrHost = errors.New("guard: not an allowed host")
	// ErrAddress is returned where a name leads to an address that is nobody's in the open.
	ErrAddress = errors.New("guard: not an address in the open")
)

// Options are what a test puts in the place of the world; zero is the world.
type Options struct {
	// Resolve answers the addresses of a name.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address that was found to be in the open.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots are the authorities that are trusted.
	Roots *x509.CertPool
}

// Client fetches.
type Client struct{ http http.Client }

// bounds of an answer before its body.
const (
	headerTimeout = 10 * time.Second
	dialTimeout   = 5 * time.Second
	maxHeader     = 64 << 10
)

// New makes a client.
func New(o Options) *Client {
	d := dialer{resolve: o.Resolve, dial: o.Dial}
	if d.resolve == nil {
		d.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if d.dial == nil {
		// Control sees the address that the socket is about to connect to, whoever resolved it.
		plain := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error { return check(address) }}
		d.dial = plain.DialContext
	}
	return &Client{http.Client{
		Transport: &http.Transport{
			DialContext: d.connect, DisableCompression: true, DisableKeepAlives: true, ForceAttemptHTTP2: false,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}, TLSHandshakeTimeout: dialTimeout,
			ResponseHeaderTimeout: headerTimeout, MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Get asks for an address of one of the hosts: names, or *.names for all below. The answer is whatever the host said, a redirect
// among it; its body must be closed, and is read within the time of the context.
func (c *Client) Get(ctx context.Context, address string, hosts []string) (*http.Response, error) {
	u, err := Parse(address)
	if err != nil {
		return nil, err
	}
	if !Allowed(u.Hostname(), hosts) {
		return nil, ErrHost
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, ErrURL
	}
	req.Header.Set("User-Agent", "supportvault")
	res, err := c.http.Do(req)
	if err == nil {
		return res, nil
	}
	// The library's text quotes the address, which may open the file to whoever reads it.
	for _, known := range []error{ErrAddress, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return nil, known
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return nil, context.DeadlineExceeded
	}
	return nil, ErrUnreachable
}

// ErrUnreachable is returned where no answer comes: of the name, the connection or TLS.
var ErrUnreachable = errors.New("guard: no answer")

// Parse reads an address of the form that is fetched: https, a name of at least two labels, no other port and nobody's password.
func Parse(address string) (*url.URL, error) {
	if len(address) > MaxURL {
		return nil, ErrURL
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Port() != "" && u.Port() != "443" || !nameForm(u.Hostname()) {
		return nil, ErrURL
	}
	return u, nil
}

// nameForm says whether a host is a name in the open, by its form: not an address in any of the forms that resolvers take for one.
func nameForm(host string) bool {
	if len(host) > 253 || !strings.Contains(host, ".") {
		return false
	}
	labels := strings.Split(strings.ToLower(host), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return last[0] >= 'a' && last[0] <= 'z' // 127.1 and 0x7f.1 are addresses to some
}

// Allowed says whether a host is on a list.
func Allowed(host string, hosts []string) bool {
	host = strings.ToLower(host)
	for _, allowed := range hosts {
		allowed = strings.ToLower(allowed)
		below, wild := strings.CutPrefix(allowed, "*.")
		if wild && strings.HasSuffix(host, "."+below) && below != "" || !wild && host == allowed {
			return true
		}
	}
	return false
}

type dialer struct {
	resolve func(context.Context, string) ([]netip.Addr, error)
	dial    func(context.Context, string, string) (net.Conn, error)
}

// connect resolves a name once, looks at each address that it gives, and dials those. A name of which one address is not in the
// open is not dialled at all: whoever mixes them is up to something.
func (d dialer) connect(ctx context.Context, _, hostport string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || port != "443" {
		return nil, ErrAddress
	}
	found, err := d.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve: %w", err)
	}
	for _, a := range found {
		if !Open(a) {
			return nil, ErrAddress
		}
	}
	err = errors.New("the name has no address")
	for _, a := range found {
		var conn net.Conn
		if conn, err = d.dial(ctx, "tcp", netip.AddrPortFrom(a.Unmap(), 443).String()); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// check refuses an address with a port that is not in the open.
func check(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || a.Port() != 443 || !Open(a.Addr()) {
		return ErrAddress
	}
	return nil
}
