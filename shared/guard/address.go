package guard

import "net/netip"

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, p := range all {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// The registries of special-purpose addresses of IANA, of IPv4 and IPv6: whatever is in them is not reached in the open, or leads
// somewhere else than it says. AS112 (192.31.196.0/24, 192.175.48.0/24) and AMT (192.52.193.0/24) are reachable, and nobody has
// files there.
var (
	special4 = prefixes(
		"0.0.0.0/8",       // this network
		"10.0.0.0/8",      // private
		"100.64.0.0/10",   // shared, of carriers
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local, and the metadata of clouds
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.31.196.0/24", // AS112
		"192.52.193.0/24", // AMT
		"192.88.99.0/24",  // 6to4 relays
		"192.168.0.0/16",  // private
		"192.175.48.0/24", // AS112
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, and broadcast
	)
	// What is global unicast: all else of IPv6 is refused, loopback, mapped and translated IPv4, unique local, link-local and
	// multicast among it.
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = prefixes(
		"2001::/23",         // protocol assignments: Teredo, benchmarks, ORCHID and others
		"2001:db8::/32",     // documentation
		"2002::/16",         // 6to4, which wraps an address of IPv4
		"2620:4f:8000::/48", // AS112
		"3fff::/20",         // documentation
	)
)

// Open says whether an address is one in the open: global unicast, and in none of the registries of special purposes. An address
// of IPv4 mapped into IPv6 counts as what it is; other forms that wrap one are refused.
func Open(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	special := special4
	if a.Is6() {
		if special = special6; !global6.Contains(a) {
			return false
		}
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}
