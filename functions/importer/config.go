package importer

import (
	"errors"
	"time"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/vault"
)

// Config is what the environment says, and the limits, of which zero stands for the default.
type Config struct {
	Tables        vault.Tables
	ObjectsBucket string
	StagingBucket string
	QueueURL      string
	SettleQueue   string
	SettleDelay   time.Duration
	// Reserve is how much time must be left to go on.
	Reserve time.Duration
	// ReadSize is how many bytes of a file are read at a time; more than a line may have.
	ReadSize int
}

const (
	reserve  = time.Minute
	readSize = 32 << 20
)

// ReadConfig reads and validates the environment.
func ReadConfig() (Config, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "STAGING_BUCKET", "IMPORT_QUEUE_URL",
		"SETTLE_QUEUE_URL", "SETTLE_DELAY")
	delay, delayErr := intake.SettleDelay(env["SETTLE_DELAY"])
	return Config{
		Tables:        vault.TablesOf(env),
		ObjectsBucket: env["OBJECTS_BUCKET"], StagingBucket: env["STAGING_BUCKET"], QueueURL: env["IMPORT_QUEUE_URL"],
		SettleQueue: env["SETTLE_QUEUE_URL"], SettleDelay: delay,
	}, errors.Join(err, delayErr)
}
