// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/settle"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("settle", settle.Build) }
