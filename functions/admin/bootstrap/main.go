// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("admin", admin.Build) }
