package attach

// TypeOf is the type that a file is kept as, if it is.
var TypeOf = typeOf
