package ingest

import (
	"errors"
	"time"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/vault"
)

// Config is what the environment says.
type Config struct {
	Tables        vault.Tables
	ObjectsBucket string
	IngestQueue   string
	SettleQueue   string
	AttachQueue   string
	// SettleDelay is how long settling waits after an end, so that late and shuffled messages come first; 15 minutes is
	// what SQS allows.
	SettleDelay time.Duration
}

// ReadConfig reads and validates the environment.
func ReadConfig() (Config, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "INGEST_QUEUE_URL", "SETTLE_QUEUE_URL", "ATTACH_QUEUE_URL", "SETTLE_DELAY")
	delay, delayErr := intake.SettleDelay(env["SETTLE_DELAY"])
	return Config{
		Tables:        vault.TablesOf(env),
		ObjectsBucket: env["OBJECTS_BUCKET"], IngestQueue: env["INGEST_QUEUE_URL"], SettleQueue: env["SETTLE_QUEUE_URL"],
		AttachQueue: env["ATTACH_QUEUE_URL"],
		SettleDelay: delay,
	}, errors.Join(err, delayErr)
}
