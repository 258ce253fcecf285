package guard

// Check is what the dialer's control asks of the address that a socket is about to connect to.
var Check = check
