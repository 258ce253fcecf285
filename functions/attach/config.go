package attach

import (
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/vault"
)

// Config is what the environment says.
type Config struct {
	Tables        vault.Tables
	ObjectsBucket string
	StagingBucket string
	Queue         string
}

// ReadConfig reads and validates the environment.
func ReadConfig() (Config, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "STAGING_BUCKET", "ATTACH_QUEUE_URL")
	return Config{
		Tables:        vault.TablesOf(env),
		ObjectsBucket: env["OBJECTS_BUCKET"], StagingBucket: env["STAGING_BUCKET"], Queue: env["ATTACH_QUEUE_URL"],
	}, err
}
