// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/importer"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("importer", importer.Build) }
