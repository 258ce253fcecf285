// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("purge", purge.Build) }
