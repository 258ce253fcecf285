// Command bootstrap is the deployed function.
package main

import (
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/shared/edge"
)

func main() { edge.Run("report", report.Build) }
