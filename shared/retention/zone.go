package retention

import (
	"sync"
	"time"
)

var zones sync.Map // by name; there are some six hundred

// Zone is time.LoadLocation, which reads and unpacks the zone's history at every call, done once for each name: every policy
// and every cohort that is read has one.
func Zone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, zone)
	return zone, nil
}
