package mail

import (
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/vault"
)

// Config is what the environment says.
type Config struct {
	Tables        vault.Tables
	ObjectsBucket string
	QueueURL      string
	PurgeQueueURL string
	// ConfigurationSet is the one of SES by which reports come back.
	ConfigurationSet string
	// From is the sender, with or without a display name. Empty: nothing can be sent.
	From string
	// API is the base URL that links begin with.
	API string
}

// ReadConfig reads and validates the environment.
func ReadConfig() (Config, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "MAIL_QUEUE_URL", "PURGE_QUEUE_URL",
		"CONFIGURATION_SET", "API_URL")
	if err != nil {
		return Config{}, err
	}
	c := Config{
		Tables:        vault.TablesOf(env),
		ObjectsBucket: env["OBJECTS_BUCKET"], QueueURL: env["MAIL_QUEUE_URL"], PurgeQueueURL: env["PURGE_QUEUE_URL"], ConfigurationSet: env["CONFIGURATION_SET"],
		From: os.Getenv("MAIL_FROM"),
	}
	c.API, err = reachable(env["API_URL"], os.Getenv("AWS_ENDPOINT_URL"))
	return c, err
}

// reachable is the API's base URL as a reader can open it. An emulator's own form of it, https://<id>.execute-api.<…>, needs a
// name that resolves; with the id in the path it needs none.
func reachable(api, emulator string) (string, error) {
	u, err := url.Parse(api)
	if err != nil || u.Host == "" {
		return "", errors.New("API_URL is not a URL")
	}
	if emulator == "" {
		return strings.TrimRight(api, "/"), nil
	}
	id, _, _ := strings.Cut(u.Hostname(), ".")
	return strings.TrimRight(emulator, "/") + "/_aws/execute-api/" + id + strings.TrimRight(u.Path, "/"), nil
}
