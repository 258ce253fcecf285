package settle

import (
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/vault"
)

// Config is what the environment says.
type Config struct {
	Tables        vault.Tables
	ObjectsBucket string
	Queue         string
	PurgeQueue    string
	Bus           string
}

// ReadConfig reads and validates the environment.
func ReadConfig() (Config, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "SETTLE_QUEUE_URL", "PURGE_QUEUE_URL", "BUS_NAME")
	return Config{
		Tables:        vault.TablesOf(env),
		ObjectsBucket: env["OBJECTS_BUCKET"], Queue: env["SETTLE_QUEUE_URL"], PurgeQueue: env["PURGE_QUEUE_URL"], Bus: env["BUS_NAME"],
	}, err
}
