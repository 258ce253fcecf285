package guard_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/guard"
)

// Every block of the registries of IANA, by an address at each of its ends and those beside them where these are in the open.
func TestOpen(t *testing.T) {
	for _, tc := range []struct {
		address string
		open    bool
		why     string
	}{
		{"0.0.0.0", false, "this host"}, {"0.255.255.255", false, "this network"}, {"1.0.0.0", true, "behind this network"},
		{"9.255.255.255", true, "before 10/8"}, {"10.0.0.0", false, "private"}, {"10.255.255.255", false, "private"}, {"11.0.0.0", true, "behind 10/8"},
		{"100.63.255.255", true, "before CGNAT"}, {"100.64.0.0", false, "CGNAT"}, {"100.127.255.255", false, "CGNAT"}, {"100.128.0.0", true, "behind CGNAT"},
		{"127.0.0.1", false, "loopback"}, {"127.255.255.255", false, "loopback"}, {"128.0.0.0", true, "behind loopback"},
		{"169.253.255.255", true, "before link-local"}, {"169.254.0.0", false, "link-local"}, {"169.254.169.254", false, "metadata"},
		{"169.254.170.2", false, "credentials of containers"}, {"169.255.0.0", true, "behind link-local"},
		{"172.15.255.255", true, "before 172.16/12"}, {"172.16.0.0", false, "private"}, {"172.31.255.255", false, "private"}, {"172.32.0.0", true, "behind 172.16/12"},
		{"192.0.0.0", false, "protocol assignments"}, {"192.0.0.8", false, "dummy"}, {"192.0.0.170", false, "NAT64 discovery"}, {"192.0.1.0", true, "behind them"},
		{"192.0.2.1", false, "documentation"}, {"192.31.196.1", false, "AS112"}, {"192.52.193.1", false, "AMT"}, {"192.88.99.1", false, "6to4 relay"},
		{"192.167.255.255", true, "before 192.168/16"}, {"192.168.0.1", false, "private"}, {"192.168.255.255", false, "private"}, {"192.175.48.1", false, "AS112"},
		{"198.17.255.255", true, "before benchmarks"}, {"198.18.0.0", false, "benchmarks"}, {"198.19.255.255", false, "benchmarks"}, {"198.20.0.0", true, "behind"},
		{"198.51.100.1", false, "documentation"}, {"203.0.113.255", false, "documentation"}, {"203.0.114.0", true, "behind documentation"},
		{"223.255.255.255", true, "before multicast"}, {"224.0.0.1", false, "multicast"}, {"239.255.255.255", false, "multicast"},
		{"240.0.0.0", false, "reserved"}, {"255.255.255.255", false, "broadcast"}, {"8.8.8.8", true, "in the open"},

		{"::", false, "unspecified"}, {"::1", false, "loopback"}, {"::127.0.0.1", false, "compatible"}, {"::8.8.8.8", false, "compatible"},
		{"::ffff:127.0.0.1", false, "mapped loopback"}, {"::ffff:10.0.0.1", false, "mapped private"}, {"::ffff:169.254.169.254", false, "mapped metadata"},
		{"::ffff:8.8.8.8", true, "mapped, in the open"}, {"::ffff:0:127.0.0.1", false, "translated"},
		{"64:ff9b::7f00:1", false, "NAT64 of loopback"}, {"64:ff9b::808:808", false, "NAT64"}, {"64:ff9b:1::1", false, "local NAT64"},
		{"100::1", false, "discard"}, {"100:0:0:1::1", false, "dummy"}, {"2001::1", false, "Teredo"}, {"2001:0:a9fe:a9fe::1", false, "Teredo"},
		{"2001:2::1", false, "benchmarks"}, {"2001:3::1", false, "AMT"}, {"2001:4:112::1", false, "AS112"}, {"2001:10::1", false, "ORCHID"},
		{"2001:20::1", false, "ORCHIDv2"}, {"2001:30::1", false, "drones"}, {"2001:1ff:ffff::1", false, "protocol assignments"}, {"2001:200::1", true, "behind them"},
		{"2001:db8::1", false, "documentation"}, {"2001:db7:ffff::1", true, "before documentation"}, {"2002:7f00:1::1", false, "6to4 of loopback"},
		{"2002:808:808::1", false, "6to4"}, {"2003::1", true, "behind 6to4"}, {"2606:4700::1111", true, "in the open"}, {"2620:4f:8000::1", false, "AS112"},
		{"3fff::1", false, "documentation"}, {"3fff:fff:ffff::1", false, "documentation"}, {"3ffe::1", true, "before documentation"}, {"4000::1", false, "not assigned"},
		{"5f00::1", false, "segment routing"}, {"fc00::1", false, "unique local"}, {"fd00:ec2::254", false, "metadata"}, {"fe80::1", false, "link-local"},
		{"fe80::1%eth0", false, "link-local with a zone"}, {"2606:4700::1111%1", false, "with a zone"}, {"fec0::1", false, "site-local"}, {"ff02::1", false, "multicast"},
	} {
		if got := guard.Open(netip.MustParseAddr(tc.address)); got != tc.open {
			t.Errorf("%s (%s) is open: %t, want %t", tc.address, tc.why, got, tc.open)
		}
	}
	if guard.Open(netip.Addr{}) {
		t.Error("no address is open")
	}
}

func TestParse(t *testing.T) {
	for _, ok := range []string{
		"https://files.example.com/a", "https://files.example.com:443/a?b=c#d", "https://FILES.example.COM", "https://a_b.example.com/%20", "https://xn--bcher-kva.example/",
	} {
		if _, err := guard.Parse(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", "files.example.com", "http://files.example.com/", "ftp://files.example.com/", "https://files.example.com:8443/", "https://files.example.com:80/",
		"https://user@files.example.com/", "https://user:pass@files.example.com/", "https:files.example.com", "https:///a", "https://127.0.0.1/", "https://[::1]/",
		"https://2130706433/", "https://127.1/", "https://0x7f.0.0.1/", "https://0177.0.0.01/", "https://localhost/", "https://files.example.com./", "https://a..b.com/",
		"https://files.example.com\\@evil.example/", "https://exa mple.com/", "https://files.example.com\n/", "https://ｆｉｌｅｓ.example.com/", "https://example.com/\x00",
		"https://" + strings.Repeat("a", 64) + ".com/", "https://example.com/" + strings.Repeat("a", guard.MaxURL), "https://%31%32%37.0.0.1/",
	} {
		if u, err := guard.Parse(bad); !errors.Is(err, guard.ErrURL) {
			t.Errorf("%q is taken: %v", bad, u)
		}
	}
}

func TestAllowed(t *testing.T) {
	hosts := []string{"files.example.com", "*.Example.net", "*."}
	for host, want := range map[string]bool{
		"files.example.com": true, "FILES.example.com": true, "a.files.example.com": false, "example.com": false, "xfiles.example.com": false,
		"a.example.net": true, "a.b.example.net": true, "example.net": false, "evilexample.net": false, "a.example.net.evil.com": false, "": false, "evil.com": false,
	} {
		if got := guard.Allowed(host, hosts); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

// hosts is a server of ours that answers by every name, and the client that reaches it at addresses in the open only.
func hosts(t *testing.T, handle http.HandlerFunc, addresses map[string]string) (*guard.Client, *int) {
	t.Helper()
	server := httptest.NewTLSServer(handle)
	t.Cleanup(server.Close)
	roots, dialled := x509.NewCertPool(), new(int)
	roots.AddCert(server.Certificate())
	return guard.New(guard.Options{
		Roots: roots,
		Resolve: func(_ context.Context, host string) (all []netip.Addr, err error) {
			for a := range strings.FieldsSeq(addresses[host]) {
				all = append(all, netip.MustParseAddr(a))
			}
			return all, nil
		},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			*dialled++
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}), dialled
}

// The test server's certificate is of example.com.
const open = "93.184.216.34"

func TestGet(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	client, _ := hosts(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		_, _ = io.WriteString(w, "hello")
	}, map[string]string{"example.com": open})
	for range 2 {
		res, err := client.Get(t.Context(), "https://example.com/a?b", []string{"example.com"})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.Body.Close(); err != nil || string(body) != "hello" || res.StatusCode != 200 {
			t.Errorf("%d %q %v", res.StatusCode, body, err)
		}
	}
}

func TestGetRefuses(t *testing.T) {
	allowed := []string{"*.example.com", "example.com"}
	for _, tc := range []struct {
		name, url, addresses string
		want                 error
	}{
		{"a host that nobody allowed", "https://example.net/", open, guard.ErrHost},
		{"what is not https", "http://example.com/", open, guard.ErrURL},
		{"a name that leads to loopback", "https://example.com/", "127.0.0.1", guard.ErrAddress},
		{"a name that leads to metadata", "https://example.com/", "169.254.169.254", guard.ErrAddress},
		{"a name that leads inside as well", "https://example.com/", open + " 10.0.0.1", guard.ErrAddress},
		{"a name that leads inside by IPv6", "https://example.com/", open + " ::ffff:10.0.0.1", guard.ErrAddress},
		{"a name without an address", "https://example.com/", "", guard.ErrUnreachable},
		{"a certificate of another name", "https://other.example.com.example.com/", open, guard.ErrUnreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, dialled := hosts(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") },
				map[string]string{"example.com": tc.addresses, "other.example.com.example.com": tc.addresses, "example.net": tc.addresses})
			if _, err := client.Get(t.Context(), tc.url, allowed); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if *dialled > 0 && !errors.Is(tc.want, guard.ErrUnreachable) {
				t.Error("dialled")
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := 0
	client, _ := hosts(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "https://example.com/other", http.StatusFound)
	}, map[string]string{"example.com": open})
	res, err := client.Get(t.Context(), "https://example.com/", []string{"example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusFound || asked != 1 {
		t.Errorf("%d after %d requests", res.StatusCode, asked)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	const secret = "canary"
	long, _ := hosts(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", 1<<20))
	}, map[string]string{"example.com": open})
	if _, err := long.Get(t.Context(), "https://example.com/"+secret, []string{"example.com"}); !errors.Is(err, guard.ErrUnreachable) || strings.Contains(err.Error(), secret) {
		t.Errorf("a header of a megabyte: %v", err)
	}
	release := make(chan struct{})
	slow, _ := hosts(t, func(http.ResponseWriter, *http.Request) { <-release }, map[string]string{"example.com": open})
	t.Cleanup(func() { close(release) }) // before the server closes, which waits for it
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := slow.Get(ctx, "https://example.com/"+secret, []string{"example.com"}); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), secret) {
		t.Errorf("no answer: %v", err)
	}
}

// The dialer of the deployed function looks at the address itself: a resolver that lies leads nowhere.
func TestTheDialerRefusesByItself(t *testing.T) {
	client := guard.New(guard.Options{Resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	if _, err := client.Get(t.Context(), "https://example.com/", []string{"example.com"}); !errors.Is(err, guard.ErrAddress) {
		t.Errorf("loopback: %v", err)
	}
	if err := guard.Check("127.0.0.1:443"); !errors.Is(err, guard.ErrAddress) {
		t.Errorf("loopback: %v", err)
	}
	if err := guard.Check("93.184.216.34:80"); !errors.Is(err, guard.ErrAddress) {
		t.Errorf("another port: %v", err)
	}
	if err := guard.Check("93.184.216.34:443"); err != nil {
		t.Errorf("in the open: %v", err)
	}
}
