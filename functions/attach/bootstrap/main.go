// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/attach"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("attach", attach.Build) }
