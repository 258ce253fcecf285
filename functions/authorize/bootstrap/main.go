// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/authorize"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("authorize", authorize.Build) }
