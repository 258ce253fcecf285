// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/mail"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("mail", mail.Build) }
