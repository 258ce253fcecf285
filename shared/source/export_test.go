package source

// What the tests reach directly: the forms of ids and times are too many to go through whole bodies.
var (
	ParseID   = parseID
	ParseTime = parseTime
	PlainText = plainText
	Pictures  = pictures
	FileName  = fileName

	FileLink = fileLink
)

// Looks are how many values a path finds in a body, and how many it looks at for them.
func Looks(path string, from any, most int) (found, looks int) {
	p, err := parsePath(path, maxSeveral)
	if err != nil {
		panic(err)
	}
	nodes, looks := p.nodes(from, most)
	return len(nodes), looks
}
