package functions_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// ways are those in which records go, and when what settled at noon is over.
var ways = []struct {
	name, policy string
	over         time.Time
}{
	{"completion", `"cadence":{"chat":"completion"}`, noon},
	{"hourly", `"cadence":{"chat":"hourly"}`, noon.Add(time.Hour)},
	{"daily", `"cadence":{"chat":"daily"}`, time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)},
	{"monthly", `"cadence":{"chat":"monthly"}`, time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)},
	{"retention", `"retention":{"chat":"P30D","fact":"P30D"}`, time.Date(2026, time.December, 22, 0, 0, 0, 0, time.UTC)},
}

// kept is what a rule keeps of what would go.
const kept = `,"rules":[{"name":"kept","tag":"keep","cadence":"never","retention":"P2M"}],"waitHours":0`

// goingBy is a vault with n chats that are over by a way, some of them objects, and ten that a rule keeps, as they are an hour
// after that. Of what goes by completion the queue of purge had every other.
func goingBy(t testing.TB, policy string, over time.Time, n int, objects bool) (begin snapshot, at time.Time, ids []string) {
	v, m := vaulttest.NewMemory(noon.AddDate(0, 0, -2)) // the policy before keeps everything for a day
	r := roadOver(v)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.change(t, demo, policy+kept)
	r.Clock.Set(noon)
	for i := range n + 10 {
		text, tags := fmt.Sprint("text ", i), ""
		if objects && i%50 == 0 {
			text = large(50_000, uint64(i))
		}
		if i >= n {
			tags = `"keep"`
		}
		r.mustPost(t, demo, "canonical", wholeChat(fmt.Sprint("c", i), noon, text, tags))
		if i < n {
			ids = append(ids, r.id(t, demo, "canonical", fmt.Sprint("c", i), 1))
		}
	}
	r.settleAll(t)
	at = over.Add(time.Hour)
	r.Clock.Set(at)
	for i, ref := range r.queues.completing {
		if err := r.purge.Complete(context.Background(), ref); i%2 == 0 && err != nil {
			t.Fatal(err)
		}
	}
	return take(v, m), at, ids
}

// stride is between two of the states from which a purge is begun again; 1 is all, which takes hours.
func stride() int {
	if n, err := strconv.Atoi(os.Getenv("SUPPORTVAULT_STRIDE")); err == nil {
		return n
	}
	return 149
}

// A purge of 500 records under each cadence, and under a period, that is killed before or after a write and run again ends as one
// that was not, and each record stands in one receipt. What a kill leaves is what was written until then: the state between two
// writes is that after the first and that before the second. Begun again are the states after the first ten writes and, after
// those, every 149th; SUPPORTVAULT_STRIDE=1 takes them all.
func TestCadencesPurgeKilledBetweenWrites(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			begin, at, ids := goingBy(t, way.policy, way.over, 500, true)
			v, m := vaulttest.NewMemory(at)
			begin.putBack(v, m)
			r := roadOver(v)
			r.purge.Deleters = 1 // a state is of one moment
			var states []snapshot
			writes := 0
			r.Fault.Set(func(_ context.Context, req vaulttest.Request) error {
				if req.Writes() {
					if writes < 10 || writes%stride() == 0 {
						states = append(states, take(v, m))
					}
					writes++
				}
				return nil
			})
			r.purgeAll(t)
			r.unharmed()
			want := r.finish(t, at)
			r.once(t, "not killed", ids)
			t.Logf("%d writes, begun again from %d states", writes, len(states))
			var workers sync.WaitGroup
			for w := range 2 {
				workers.Go(func() {
					v, m := vaulttest.NewMemory(at)
					r := roadOver(v)
					for i := w; i < len(states); i += 2 {
						states[i].putBack(v, m)
						if got := r.finish(t, at); !reflect.DeepEqual(want, got) {
							t.Errorf("from state %d it ends elsewhere (-want +got):\n%.2000s", i, keysOf(want, got))
						}
						r.once(t, fmt.Sprint("from state ", i), ids)
					}
				})
			}
			workers.Wait()
		})
	}
}

// The same where requests are throttled and transactions meet others, or are done and their answers lost.
func TestCadencesPurgeAmongFaults(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			begin, at, ids := goingBy(t, way.policy, way.over, 500, false)
			v, m := vaulttest.NewMemory(at)
			begin.putBack(v, m)
			r := roadOver(v)
			r.purgeAll(t)
			want := r.finish(t, at)
			for seed := range uint64(4) {
				begin.putBack(v, m)
				r.Clock.Set(at)
				runs := 0
				for {
					if runs++; runs > 1000 {
						t.Fatal("it does not get on")
					}
					if seed < 2 {
						r.Fault.Set(vaulttest.Faulty(seed*1000+uint64(runs), 0.02))
					} else {
						random := rand.New(rand.NewPCG(seed, uint64(runs)))
						var mu sync.Mutex
						r.After.Set(func(_ context.Context, req vaulttest.Request) error {
							mu.Lock()
							defer mu.Unlock()
							if random.IntN(100) == 0 {
								return vaulttest.Throttled() // after it was done
							}
							return nil
						})
					}
					rep, err := r.purge.Purge(context.Background(), purge.Request{})
					r.unharmed()
					if err == nil && len(rep.Failures) == 0 {
						break
					}
				}
				if got := r.finish(t, at); !reflect.DeepEqual(want, got) {
					t.Errorf("seed %d, %d runs: it ends elsewhere (-want +got):\n%.2000s", seed, runs, keysOf(want, got))
				}
				r.once(t, fmt.Sprint("seed ", seed), ids)
			}
		})
	}
}

// child is what a process that is to be killed is told, in its environment.
const child = "SUPPORTVAULT_PURGE_CHILD"

// The process that TestStorePurgeKilledForReal kills; by itself it is nothing.
func TestPurgeInAProcessOfItsOwn(t *testing.T) {
	tables := strings.Split(os.Getenv(child), " ")
	if len(tables) != 4 {
		return
	}
	at, err := time.Parse(time.RFC3339, tables[3])
	if err != nil {
		t.Fatal(err)
	}
	db := dynamodb.NewFromConfig(aws.Config{
		Region: "local", BaseEndpoint: aws.String(os.Getenv("SUPPORTVAULT_DYNAMODB")), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	now := func() time.Time { return at }
	h := purge.New(purge.Deps{
		Store: &vault.Store{
			DB: db, Tables: vault.Tables{Records: tables[0], Keys: tables[1], Control: tables[2]}, Now: now,
			Objects: &vault.Objects{Client: vaulttest.NewBucket(), Bucket: "objects"},
		},
		Stage: "test", Pace: 1_000, Chain: &chain.Chain{DB: db, Table: tables[2], Signer: receipttest.NewSigner("2026"), Now: now},
		Archive: archive{vaulttest.NewBucket()}, Extracts: putter{vaulttest.NewBucket()},
	})
	fmt.Println("begun")
	rep, err := h.Purge(context.Background(), purge.Request{})
	if err != nil || len(rep.Failures) > 0 {
		t.Fatalf("%+v %v", rep, err)
	}
}

// A purge of 500 records whose process is killed by SIGKILL, forty times under each cadence and under a period, ends as one that
// was not.
func TestStorePurgeKilledForReal(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 9))
	t.Logf("seed %d", seed)
	for _, way := range ways {
		begin, at, ids := goingBy(t, way.policy, way.over, 500, false)
		v, m := vaulttest.NewMemory(at)
		begin.putBack(v, m)
		calm := roadOver(v)
		calm.purgeAll(t)
		want := calm.finish(t, at)
		killed, rounds := 0, 0
		for ; killed < 40; rounds++ {
			r := roadOver(vaulttest.New(t, at))
			begin.into(t, r.Vault)
			for through := false; !through && killed < 40; {
				dead, err := r.killForReal(self, at, time.Duration(random.IntN(100))*time.Millisecond)
				if err != nil {
					t.Fatalf("%s: %v", way.name, err)
				}
				if through = !dead; dead {
					killed++
				}
			}
			if got := r.finish(t, at); !reflect.DeepEqual(want, got) {
				t.Errorf("%s: it ends elsewhere (-want +got):\n%.2000s", way.name, keysOf(want, got))
			}
			r.once(t, way.name, ids)
		}
		t.Logf("%s: %d processes were killed in %d rounds", way.name, killed, rounds)
	}
}

// killForReal purges in a process of its own and kills that a while after it has begun; dead says that it had not come to its end.
func (r *road) killForReal(self string, at time.Time, after time.Duration) (dead bool, err error) {
	cmd := exec.Command(self, "-test.run=^TestPurgeInAProcessOfItsOwn$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %s", child, r.Tables.Records, r.Tables.Keys, r.Tables.Control, at.Format(time.RFC3339)))
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "begun" {
		fmt.Fprintln(&says, lines.Text())
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		fmt.Fprintln(&says, lines.Text())
	}
	if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "killed") {
		return false, fmt.Errorf("%w: %s", err, says.String())
	} else if err != nil {
		return true, nil
	}
	return false, nil
}
