// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("extract", extract.Build) }
