package extract

import (
	"time"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/vault"
)

// Config is what the environment says, and the limits, of which zero stands for the default.
type Config struct {
	Tables        vault.Tables
	ObjectsBucket string
	ExportsBucket string
	QueueURL      string
	// FileLimit is from how many bytes on a file of conversations is followed by another.
	FileLimit int64
	// Reserve is how much time must be left to go on: for the ends of the files, and what a file has not yet uploaded.
	Reserve time.Duration
}

const (
	fileLimit = 512 << 20
	reserve   = 2 * time.Minute
)

// ReadConfig reads and validates the environment.
func ReadConfig() (Config, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "EXPORTS_BUCKET", "EXTRACT_QUEUE_URL")
	return Config{
		Tables:        vault.TablesOf(env),
		ObjectsBucket: env["OBJECTS_BUCKET"], ExportsBucket: env["EXPORTS_BUCKET"], QueueURL: env["EXTRACT_QUEUE_URL"],
	}, err
}
