// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/openapi"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("openapi", openapi.Build) }
