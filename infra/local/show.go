package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A show tells a person, step by step, what the stack does with real input.
type show struct {
	stack
	root  string
	brief outputs // the account whose records live for two minutes

}

// showCommand brings the stack up, shows what it does, and stays until Ctrl-C.
func showCommand(ctx context.Context, root string, args []string) (err error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	port := flags.Int("port", defaultPort, "the emulator's port; another one is taken when it is not free")
	stay := flags.Bool("stay", true, "stay up until Ctrl-C; false ends after the show")
	if err := parse(flags, args); err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	defer func() {
		signal.Ignore(os.Interrupt, syscall.SIGTERM) // a second Ctrl-C must not leave the emulator behind
		fmt.Println()
		if stopped := bringDown(h, p); err == nil {
			err = stopped
		}
	}()
	o, err := bringWithDemo(ctx, h, p, *port)
	if err != nil {
		return err
	}
	s, err := localStack(o)
	if err != nil {
		return err
	}
	v := show{stack: s, root: root, brief: o}
	if err := p.step("creating an account that keeps chats for two minutes", func() error { return v.createBrief(ctx) }); err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{v.accepted, v.stored, v.mailed, v.extracted, v.announced, v.expired} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	v.farewell(h)
	if !*stay {
		return nil
	}
	fmt.Println(bold("The stack stays up until Ctrl-C."))
	<-ctx.Done()
	return nil
}

// createBrief creates the account brief; where an earlier show on the same stack did so already, brief2 and so on.
func (v *show) createBrief(ctx context.Context) error {
	name := "brief"
	for n := 2; ; n++ {
		a, err := v.createOwnAccount(ctx, accountRequest{Account: name, Plan: "standard", Start: "identified", Retention: "PT2M"})
		var told *functionError
		if n < 100 && errors.As(err, &told) && told.Code == "account_exists" {
			name = fmt.Sprintf("brief%d", n)
			continue
		}
		if err == nil {
			v.brief.take(a)
		}
		return err
	}
}

// accepted sends the samples to both accounts through the HTTP API.
func (v *show) accepted(ctx context.Context) error {
	heading("What was accepted", "The sample events of events/ingest, moved to now, signed as their vendors sign, sent to the HTTP API.")

	all, err := samples(v.root, time.Now())
	if err != nil {
		return err
	}
	rows := [][]string{{"sample", "bytes", "account " + v.Account, "account " + v.brief.Account}}
	for _, s := range all {
		row := []string{s.name, fmt.Sprint(len(s.body))}
		for _, o := range []outputs{v.outputs, v.brief} {
			status, answer, err := s.send(ctx, o.Sources[s.source])
			if err != nil {
				return fmt.Errorf("send %s: %w", s.name, err)
			}
			if status != http.StatusAccepted {
				return fmt.Errorf("%s was not accepted: %d %s", s.name, status, answer)
			}
			row = append(row, fmt.Sprintf("%d %s", status, bytes.TrimSpace(answer)))
		}
		rows = append(rows, row)
	}
	table(os.Stdout, rows)
	return nil
}

// A chat is what the show needs of a conversation; opened is the whole answer.
type chat struct {
	ID        string            `json:"id"`
	ExpiresAt time.Time         `json:"expiresAt"`
	Entries   []json.RawMessage `json:"entries"`
	opened    []byte
}

func (o outputs) chats() string { return o.API + "/v1/accounts/" + o.Account + "/chats" }

// list reads the account's first page of chats.
func (o outputs) list(ctx context.Context, state string) ([]chat, error) {
	url := o.chats() + "?limit=50"
	if state != "" {
		url += "&state=" + state
	}
	status, answer, err := get(ctx, url, o.Token)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %d %s", url, status, answer)
	}
	var page struct {
		Chats []chat `json:"chats"`
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return nil, fmt.Errorf("GET %s: %w", url, err)
	}
	return page.Chats, nil
}

// settled waits until the account has a settled chat with several entries, or for some seconds until it has any, and returns
// the longest of the newest ones.
func (o outputs) settled(ctx context.Context) (chat, error) {
	start := time.Now()
	for {
		chats, err := o.list(ctx, "settled")
		if err != nil {
			return chat{}, err
		}
		var longest chat
		for _, c := range chats[:min(10, len(chats))] {
			status, answer, err := get(ctx, o.chats()+"/"+c.ID, o.Token)
			if err != nil {
				return chat{}, err
			}
			if status == http.StatusNotFound {
				continue // its time is over since it was listed
			}
			if status != http.StatusOK {
				return chat{}, fmt.Errorf("GET %s/%s: %d %s", o.chats(), c.ID, status, answer)
			}
			c.opened = answer
			if err := json.Unmarshal(answer, &c); err != nil {
				return chat{}, fmt.Errorf("GET %s/%s: %w", o.chats(), c.ID, err)
			}
			if longest.ID == "" || len(c.Entries) > len(longest.Entries) {
				longest = c
			}
		}
		waited := time.Since(start)
		if len(longest.Entries) > 2 || longest.ID != "" && waited > 15*time.Second {
			return longest, nil
		}
		if waited > time.Minute {
			return chat{}, errors.New("no chat has settled within a minute; see .local/log/ministack.log")
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return chat{}, err
		}
	}
}

// stored shows one record as the table holds it beside the same one opened through the API.
func (v *show) stored(ctx context.Context) error {
	heading("What is stored, and what can be read",
		"Left: the item as DynamoDB holds it. Right: the same chat through the API, with the account's token.")
	c, err := v.settled(ctx)
	if err != nil {
		return err
	}
	item, err := v.item(ctx, c.ID)
	if err != nil {
		return err
	}
	var opened bytes.Buffer
	if err := json.Indent(&opened, c.opened, "", "  "); err != nil {
		return fmt.Errorf("GET %s/%s: %w", v.chats(), c.ID, err)
	}
	right := wrap(strings.Split(strings.TrimSpace(opened.String()), "\n"), 70)
	if most := 70; len(right) > most {
		right = append(right[:most], fmt.Sprintf("… and %d lines more", len(right)-most))
	}
	beside(os.Stdout, 58, item, right)
	return nil
}

// mailed shows the e-mail that a chat becomes when it settles, and the one that holds nothing but a link to it.
func (v *show) mailed(ctx context.Context) error {
	heading("A transcript by e-mail", "The account has its chats sent to archive@shop.example, and a link to each to desk@shop.example.")
	for name, setting := range map[string]string{
		"archive": `{"when":"settled","to":{"kind":"fixed","addresses":["archive@shop.example"]},"content":"full"}`,
		"desk":    `{"when":"settled","to":{"kind":"fixed","addresses":["desk@shop.example"]},"content":"link"}`,
	} {
		if err := v.mailTo(ctx, name, setting); err != nil {
			return err
		}
		fmt.Printf("  PUT /v1/accounts/%s/mail/%s\n      %s\n", v.Account, name, dim(setting))
	}
	conversation := "mailed-" + uuid()[:8]
	status, answer, err := whole(conversation, time.Now(), "Hello, is anybody there? My parcel says “delivered”, but it is not here.",
		"Good afternoon! I am looking: it was left with your neighbour at number 12.", "Found it. Thank you & good-bye <3").send(ctx, v.Sources["tawkto"])
	if err != nil || status != http.StatusAccepted {
		return errors.Join(fmt.Errorf("the chat was not accepted: %d %s", status, answer), err)
	}
	m, err := v.outputs.mailed(ctx, "archive@shop.example", "number 12")
	if err != nil {
		return err
	}
	page := filepath.Join(mainHome(v.root).dir, "mail.html")
	if err := os.WriteFile(page, []byte(m.BodyHTML), 0o600); err != nil {
		return err
	}
	fmt.Printf("\n  From: %s\n  To: %s\n  Subject: %s\n\n", m.Source, strings.Join(m.To, ", "), m.Subject)
	for line := range strings.Lines(m.BodyText) {
		fmt.Print("    " + strings.TrimRight(line, "\r\n") + "\n")
	}
	fmt.Printf("\n  Its HTML part: %s\n", page)
	id, err := v.idOf(ctx, conversation)
	if err != nil {
		return err
	}
	if m, err = v.outputs.mailed(ctx, "desk@shop.example", "/transcripts/"+id+"?link=svl_"); err != nil {
		return err
	}
	link, err := m.link()
	if err != nil {
		return err
	}
	status, answer, err = get(ctx, link, "")
	if err != nil || status != http.StatusOK || !bytes.Contains(answer, []byte("number 12")) {
		return errors.Join(fmt.Errorf("GET %s: %d, and not the chat", link, status), err)
	}
	fmt.Printf("\n  The link opens this one chat for a week, without a token; that it was opened stands in the audit trail.\n  GET %s\n      %d, a page of %d bytes\n",
		link, status, len(answer))
	return nil
}

// extracted shows what the account's own copy consists of, and its beginning as a spreadsheet has it.
func (v *show) extracted(ctx context.Context) error {
	heading("The account's own copy",
		"make extract NAME="+v.Account+" writes everything of the account as NDJSON and CSV, with a manifest; so does POST …/extracts.")
	x, err := v.extract(ctx, v.Account, func(extraction) {})
	if err != nil {
		return err
	}
	rows := [][]string{{"  s3://" + x.Bucket + "/" + x.Prefix, "records", "bytes"}}
	for _, f := range x.Files {
		rows = append(rows, []string{"    " + f.Name, fmt.Sprint(f.Records), fmt.Sprint(f.Bytes)})
	}
	table(os.Stdout, rows)
	for _, part := range []struct {
		name  string
		lines int
	}{{"manifest.json", 14}, {"chats.csv", 4}} {
		lines, err := v.head(ctx, x.Bucket, x.Prefix+part.name, part.lines)
		if err != nil {
			return err
		}
		fmt.Println("\n  " + bold(part.name))
		for _, line := range lines {
			fmt.Println("    " + cut(line, 120))
		}
	}
	return nil
}

// announced shows what an administrator is told of a policy that hides something, and undoes it.
func (v *show) announced(ctx context.Context) error {
	heading("A shorter policy, and who hears of it",
		"The account "+v.Account+" is to keep its chats for thirty days, and has one of forty days ago. What is hidden is destroyed a day later; until then it can be undone.")
	said := "Order " + uuid()[:8] + ": thank you!"
	status, answer, err := whole("old-"+uuid()[:8], time.Now().AddDate(0, 0, -40), "Has it been sent?", "Yes, yesterday.", said).send(ctx, v.Sources["tawkto"])
	if err != nil || status != http.StatusAccepted {
		return errors.Join(fmt.Errorf("the chat was not accepted: %d %s", status, answer), err)
	}
	if _, err := v.outputs.mailed(ctx, "archive@shop.example", said); err != nil { // it has settled
		return err
	}
	ask := func(path, body string, answer any) error {
		status, said, err := v.ask(ctx, http.MethodPost, path, body)
		if err != nil || status != http.StatusOK {
			return errors.Join(fmt.Errorf("POST …%s: %d %s", path, status, bytes.TrimSpace(said)), err)
		}
		fmt.Printf("  POST /v1/accounts/%s%s\n      %s\n", v.Account, path, dim(body))
		return json.Unmarshal(said, answer)
	}
	const wanted = `"retention":{"chat":"P30D"}`
	var preview struct{ AsOf, Hash string }
	if err := ask("/policy/previews", "{"+wanted+"}", &preview); err != nil {
		return err
	}
	var policy struct{ Version int }
	apply := fmt.Sprintf(`{%s,"asOf":%q,"hash":%q,"reason":"To show what an administrator is told"}`, wanted, preview.AsOf, preview.Hash)
	if err := ask("/policy/apply", apply, &policy); err != nil {
		return err
	}
	m, err := v.outputs.mailed(ctx, demoAdministrator, fmt.Sprintf("Version:       %d", policy.Version))
	if err != nil {
		return err
	}
	page := filepath.Join(mainHome(v.root).dir, "notice.html")
	if err := os.WriteFile(page, []byte(m.BodyHTML), 0o600); err != nil {
		return err
	}
	fmt.Printf("\n  To: %s\n  Subject: %s\n\n", strings.Join(m.To, ", "), m.Subject)
	for line := range strings.Lines(m.BodyText) {
		fmt.Print("    " + strings.TrimRight(line, "\r\n") + "\n")
	}
	fmt.Printf("\n  Its HTML part: %s\n\n", page)
	return ask("/policy/undo", `{"reason":"It was only shown"}`, &policy)
}

// expired shows a record that can be read, then cannot, and what purge removes of it.
func (v *show) expired(ctx context.Context) error {
	heading("A record that could be read, and then could not", "The account "+v.brief.Account+" keeps chats for two minutes.")
	c, err := v.brief.settled(ctx)
	if err != nil {
		return err
	}
	url := v.brief.chats() + "/" + c.ID
	read := func() (int, error) {
		status, answer, err := get(ctx, url, v.brief.Token)
		if err == nil {
			fmt.Printf("  %s  GET …/%s\n            %d %s\n", time.Now().Format(time.TimeOnly), c.ID, status, cut(string(bytes.TrimSpace(answer)), 110))
		}
		return status, err
	}
	if status, err := read(); err != nil || status != http.StatusOK {
		return errors.Join(fmt.Errorf("the chat should be readable before its time, but got %d", status), err)
	}
	if wait := time.Until(c.ExpiresAt); wait > 5*time.Minute {
		return fmt.Errorf("the chat expires only at %s; two minutes were agreed", c.ExpiresAt)
	}
	for wait := time.Until(c.ExpiresAt); wait > 0; wait = time.Until(c.ExpiresAt) {
		pause := min(wait, 20*time.Second)
		if wait > 15*time.Second {
			fmt.Printf("  %s  it expires in %.0f s …\n", dim(time.Now().Format(time.TimeOnly)), wait.Seconds())
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	if err := sleep(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	if status, err := read(); err != nil || status != http.StatusNotFound {
		return errors.Join(fmt.Errorf("the chat should be gone after its time, but got %d", status), err)
	}
	var counts map[string]any
	if err := v.call(ctx, "purge", map[string]string{"action": "purge", "account": v.brief.Account}, &counts); err != nil {
		return err
	}
	fmt.Println("\n  Nobody had to delete anything for that. Now purge (hourly on its own) destroys the keys and removes the rest:")
	rows := [][]string{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		rows = append(rows, []string{"  " + name, fmt.Sprint(counts[name])})
	}
	table(os.Stdout, rows)
	return v.stated(ctx, c.ID)
}

// stated fetches the receipts of the purge and has them verified offline, with the record's id.
func (v *show) stated(ctx context.Context, record string) error {
	folder := filepath.Join(mainHome(v.root).dir, "receipts")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if _, err := v.receipts(ctx, v.brief.Account, folder); err != nil {
		return err
	}
	fmt.Printf("\n  What it destroyed is stated and signed. Verified offline, from %s:\n\n", folder)
	verify := exec.CommandContext(ctx, "go", "run", "./shared/receipt/verify", "-receipts", folder, "-record", record)
	verify.Dir = v.root
	said, err := verify.CombinedOutput()
	for line := range strings.Lines(string(said)) {
		fmt.Print("    " + line)
	}
	if err != nil {
		return fmt.Errorf("verify the receipts: %w", err)
	}
	return nil
}

// farewell tells where the stack is and how to use it by hand.
func (v *show) farewell(h home) {
	heading("Yours to try", "")
	table(os.Stdout, [][]string{
		{"API", v.API},
		{"account", v.Account},
		{"token", v.Token},
		{"mail", v.Mail},
		{"everything", h.outputs()},
	})
	fmt.Printf(`
Send a chat, and read it back:

  secret='%s'
  body='{"event":"chat:start","chatId":"hello-1","time":"%s","message":{"text":"Hello!","type":"msg","sender":{"type":"visitor"}},"visitor":{"name":"Ada Example","email":"ada@example.com"},"property":{"id":"1","name":"Example"}}'
  signature=$(printf %%s "$body" | openssl dgst -sha1 -hmac "$secret" -r | cut -d' ' -f1)
  curl -sS '%s' -H "X-Tawk-Signature: $signature" -H 'X-Hook-Event-Id: hello-1' -H 'Content-Type: application/json' -d "$body"
  curl -sS '%s' -H 'Authorization: Bearer %s'

`, v.Sources["tawkto"].Secret, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), v.Sources["tawkto"].URL, v.chats(), v.Token)
}

func heading(title, below string) {
	fmt.Printf("\n%s\n", bold("── "+title+" "+strings.Repeat("─", max(0, 100-len([]rune(title))))))
	if below != "" {
		fmt.Println(below)
	}
	fmt.Println()
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
