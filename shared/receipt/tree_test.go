package receipt_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/receipt"
)

// TestTree compares roots with those of the test data of Certificate Transparency's reference implementation.
func TestTree(t *testing.T) {
	var hashed []receipt.Hash
	for i, tc := range []struct{ leaf, root string }{
		{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	} {
		data, err := hex.DecodeString(tc.leaf)
		if err != nil {
			t.Fatal(err)
		}
		hashed = append(hashed, receipt.HashLeaf(data))
		if diff := cmp.Diff(tc.root, receipt.RootOf(hashed).String()); diff != "" {
			t.Errorf("root over %d leaves (-want +got):\n%s", i+1, diff)
		}
	}
	if diff := cmp.Diff("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", receipt.RootOf(nil).String()); diff != "" {
		t.Errorf("root over nothing (-want +got):\n%s", diff)
	}
}

// TestPaths leads every leaf of every tree of up to 70 leaves to the root, and nothing else.
func TestPaths(t *testing.T) {
	var hashed []receipt.Hash
	for n := 1; n <= 70; n++ {
		hashed = append(hashed, receipt.HashLeaf([]byte(fmt.Sprint(n))))
		root := receipt.RootOf(hashed)
		for i, leaf := range hashed {
			path := receipt.PathOf(hashed, i)
			leads := func(n, index int, leaf receipt.Hash, path []receipt.Hash) bool {
				got, ok := receipt.RootBy(n, index, leaf, path)
				return ok && got == root
			}
			if !leads(n, i, leaf, path) {
				t.Fatalf("leaf %d of %d is not led to the root", i, n)
			}
			other := slices.Clone(path)
			if len(path) > 0 {
				other[len(other)-1][0] ^= 1
			}
			for what, wrong := range map[string]bool{
				"another leaf":             leads(n, i, receipt.HashLeaf([]byte("other")), path),
				"another place":            n > 1 && leads(n, (i+1)%n, leaf, path),
				"no place":                 leads(n, -1, leaf, path) || leads(n, n, leaf, path),
				"a longer path":            leads(n, i, leaf, append(slices.Clip(path), leaf)),
				"a shorter path":           len(path) > 0 && leads(n, i, leaf, path[:len(path)-1]),
				"a path with another hash": len(path) > 0 && leads(n, i, leaf, other),
			} {
				if wrong {
					t.Errorf("%s leads to the root, with leaf %d of %d", what, i, n)
				}
			}
		}
	}
}
