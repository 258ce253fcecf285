package conversation_test

import (
	"encoding/json"
	"testing"
	"time"

	v2 "github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/conversation"
)

func TestTimeIsWrittenWithMillisecondsByBothLibraries(t *testing.T) {
	at := conversation.At(time.Date(2026, 11, 20, 10, 0, 0, 470_999_999, time.FixedZone("", 3600)))
	const want = `"2026-11-20T09:00:00.470Z"`
	for name, marshal := range map[string]func(any) ([]byte, error){
		"encoding/json": json.Marshal,
		"json/v2":       func(v any) ([]byte, error) { return v2.Marshal(v) },
	} {
		b, err := marshal(at)
		if err != nil || string(b) != want {
			t.Errorf("%s writes %s, %v, want %s", name, b, err, want)
		}
	}
	for name, unmarshal := range map[string]func([]byte, any) error{
		"encoding/json": json.Unmarshal,
		"json/v2":       func(b []byte, v any) error { return v2.Unmarshal(b, v) },
	} {
		var back conversation.Time
		if err := unmarshal([]byte(`"2026-11-20T10:00:00.4709+01:00"`), &back); err != nil || !back.Equal(at.Time) || back.Location() != time.UTC {
			t.Errorf("%s reads %v, %v, want %v", name, back, err, at)
		}
		if err := unmarshal([]byte(`"yesterday"`), &back); err == nil {
			t.Errorf("%s reads what is no time", name)
		}
	}
}
