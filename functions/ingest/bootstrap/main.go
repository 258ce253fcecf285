// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("ingest", ingest.Build) }
