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
