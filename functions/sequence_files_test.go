package functions_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
)

// The part of the random sequences that is about files: what is told of is got once it can be had, is read as long as its
// conversation is, and goes with it.

// fileHost is whose files may be fetched.
const fileHost = "files.example.com"

// contentOf is the file of a name.
func contentOf(name string) []byte { return append(bytes.Clone(png), name...) }

// serveFile is that host, which is down now and then.
func (w *theatre) serveFile(out http.ResponseWriter, req *http.Request) {
	if w.down {
		out.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	out.Header().Set("Content-Type", "image/png")
	_, _ = out.Write(contentOf(path.Base(req.URL.Path)))
}

// newFile is a file and how an event tells of it: at an address, or uploaded already or later.
func (w *theatre) newFile(id string) (f *filed, said string) {
	w.filed++
	name := fmt.Sprintf("f%d.png", w.filed)
	f = &filed{id: id, content: contentOf(name), state: conversation.FileWaiting, put: true}
	if w.random.IntN(3) > 0 {
		return f, fmt.Sprintf(`{"name":%q,"type":"image/png","url":"https://%s/%s"}`, name, fileHost, name)
	}
	f.upload = strings.Repeat("a", 22) + strings.NewReplacer("0", "z", "1", "y", "8", "x", "9", "w").Replace(fmt.Sprintf("%04d", w.filed))
	if f.put = w.random.IntN(2) == 0; f.put {
		w.putUpload(f)
	}
	return f, fmt.Sprintf(`{"name":%q,"upload":%q}`, name, f.upload)
}

func (w *theatre) putUpload(f *filed) {
	f.put = true
	w.staged.put("uploads/demo/"+f.upload, "image/png", f.content)
}

// fetch gets what waits in the attach queue.
func (w *theatre) fetch() {
	w.down = w.random.IntN(4) == 0
	w.tell("files are got, and their host is down: %v", w.down)
	for _, l := range w.model.lives {
		for _, f := range l.files {
			if !f.put && w.random.IntN(2) == 0 {
				w.putUpload(f)
			}
		}
	}
	w.getEach(w.perhaps)
	w.down = false
}

// sweepFiles is what attach's schedule does.
func (w *theatre) sweepFiles() {
	w.tell("files that are due are got")
	sweep := func() {
		if _, err := w.attach.Sweep(context.Background()); w.queues.refuse == nil {
			w.must(err, "sweep of files")
		}
	}
	if w.perhaps(sweep) {
		sweep()
	}
	w.getEach(w.perhaps)
}

// getEach gets what the queue holds; what fails comes again, as in SQS.
func (w *theatre) getEach(does func(func()) (dead bool)) {
	for _, ref := range w.queues.takeAttaching() {
		get := func() {
			if err := w.attach.Get(context.Background(), ref); w.queues.refuse == nil {
				w.must(err, "get file")
			}
		}
		if does(get) {
			get()
		}
	}
	w.fileRows()
}

func calmly(do func()) (dead bool) {
	do()
	return false
}

// filesCalm is the schedule undisturbed.
func (w *theatre) filesCalm() {
	_, err := w.attach.Sweep(context.Background())
	w.must(err, "sweep of files")
	w.getEach(calmly)
}

// lastFiles lets every file come: all uploads are put, every host is up, and the longest wait between two attempts passes.
// What nobody may read is not got, and waits.
func (w *theatre) lastFiles() {
	for _, l := range w.model.lives {
		for _, f := range l.files {
			if !f.put {
				w.putUpload(f)
			}
		}
	}
	w.Clock.Advance(25 * time.Hour)
	w.model.pass(w.now())
	w.filesCalm()
	for _, l := range w.model.lives {
		for _, f := range l.files {
			if w.model.readable(l, w.now()) && f.state == conversation.FileWaiting {
				w.wrong("%s of %s waits for ever\n%s", f.id, l.id, w.about())
			}
		}
	}
}

// fileRows compares how far files are with how far they may be, after somebody looked for them: what is got stays, what the account
// does not take does not come, and nobody gives up early.
func (w *theatre) fileRows() {
	rows := map[string]attr.Item{}
	for _, item := range w.items(w.Tables.Records) {
		if sk := attr.GetS(item, "sk"); strings.HasPrefix(sk, "file#") {
			rows[strings.TrimPrefix(attr.GetS(item, "pk"), "demo#")+sk[len("file"):]] = item
		}
	}
	for _, l := range w.model.lives {
		record, incarnation, _ := vault.ParseID(l.id)
		for _, f := range l.files {
			row := rows[fmt.Sprintf("%s#%04d#%s", record, incarnation, f.id)]
			delete(rows, fmt.Sprintf("%s#%04d#%s", record, incarnation, f.id))
			if l.destroyed {
				continue // whoever still finds the row drops it
			}
			state, takes := conversation.FileState(attr.GetS(row, "state")), w.model.takesFiles()
			may := state == f.state || f.state == conversation.FileWaiting &&
				(state == conversation.FileStored && takes && f.put || state == conversation.FileMissing && (!takes || attr.GetN(row, "attempts") > 5))
			if !may {
				w.wrong("%s of %s is %q and was %q, and files are taken: %v\n%s", f.id, l.id, state, f.state, takes, w.about())
			}
			if n := attr.GetN(row, "fileBytes"); state == conversation.FileStored && n != int64(len(f.content)) {
				w.wrong("%s of %s has %d bytes, and its row says %d", f.id, l.id, len(f.content), n)
			}
			f.state = state
		}
	}
	for row := range rows {
		w.wrong("there is a row of a file that nobody told of: %s\n%s", row, w.about())
	}
}

// compareFiles compares the files of a conversation with those that were told of.
func (w *theatre) compareFiles(l *life, v conversation.View) {
	got := map[string]conversation.FileState{}
	for i, e := range *v.Entries {
		for _, a := range e.Attachments {
			if a.ID != "" {
				got[fmt.Sprint(i, " ", a.ID)] = a.State
			}
		}
	}
	for _, f := range l.files {
		at := fmt.Sprint(f.entry, " ", f.id)
		if state, ok := got[at]; ok != w.model.keepsFiles() || ok && state != f.state {
			w.wrong("%s of %s is shown %v as %q and is %q, and files are kept: %v\n%s", at, l.id, ok, state, f.state, w.model.keepsFiles(), w.about())
		}
		delete(got, at)
		w.compareFile(l, f, f.state == conversation.FileStored && w.model.keepsFiles())
	}
	if len(got) > 0 {
		w.wrong("%s has files that are not kept: %v\n%s", l.id, got, w.about())
	}
}

// compareFile reads a file, which is readable or is not there.
func (w *theatre) compareFile(l *life, f *filed, readable bool) {
	res, err := w.report.HTTP(context.Background(), events.APIGatewayV2HTTPRequest{
		RouteKey:       "GET /v1/accounts/{account}/attachments/{id}/{file}",
		PathParameters: map[string]string{"account": "demo", "id": l.id, "file": f.id}, RequestContext: w.allowed,
	})
	w.must(err, "read file")
	if !readable && res.StatusCode == 404 {
		return
	}
	if body, err := decoded(res); !readable || err != nil || res.StatusCode != 200 || !bytes.Equal(body, f.content) {
		w.wrong("%s of %s answers %d, %d bytes, and is readable: %v\n%s", f.id, l.id, res.StatusCode, len(body), readable, w.about())
	}
}

// purgedFiles compares the objects after a purge: those of a destroyed conversation and of files that are missing are gone, those of
// files that are stored are there.
func (w *theatre) purgedFiles() {
	objects := w.S3.Objects()
	known := map[string]bool{}
	for _, l := range w.model.lives {
		for _, f := range l.files {
			name := "files/demo/" + l.id + "/" + f.id
			_, there := objects[name]
			switch known[name] = true; {
			case l.destroyed && there:
				w.wrong("%s is destroyed, and there is %s\n%s", l.id, name, w.about())
			case f.state == conversation.FileMissing && there:
				w.wrong("%s of %s is missing, and there is %s\n%s", f.id, l.id, name, w.about())
			case !l.destroyed && f.state == conversation.FileStored && !there:
				w.wrong("%s is kept, and there is no %s\n%s", l.id, name, w.about())
			}
		}
	}
	for name := range objects {
		if strings.HasPrefix(name, "files/") && !known[name] {
			w.wrong("there is a file that nobody told of, or that is not kept: %s\n%s", name, w.about())
		}
	}
}
