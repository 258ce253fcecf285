package receipt

// What the tests of the tree need of it.
var (
	HashLeaf = hashLeaf
	LeafOf   = leafOf
)

// RootOf is the root over hashed leaves.
func RootOf(hashed []Hash) Hash { return rootOf(len(hashed), func(i int) Hash { return hashed[i] }) }

// PathOf is the path from one of the hashed leaves.
func PathOf(hashed []Hash, index int) []Hash {
	return pathOf(len(hashed), index, func(i int) Hash { return hashed[i] })
}

// RootBy is the root to which a path leads.
var RootBy = rootBy
