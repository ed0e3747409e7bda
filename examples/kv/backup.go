package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A backup is an image of the data and the sessions of a cluster, in a file. It has no members:
// restore.go makes a new cluster of it.

const backupPath = "/backup"

var errBadBackup = errors.New("not a whole backup")

var backupKind = imageKind{
	magic: "kv backup 1\n", prefixes: []byte{dataPrefix, sessionPrefix}, broken: errBadBackup,
}

// openImage makes an image of the store, which stays open until the image is closed.
func (s *store) openImage() *pebble.Snapshot {
	s.snapshots.running.Add(1)
	return s.db.NewSnapshot()
}

func (s *store) closeImage(made *pebble.Snapshot) {
	_ = made.Close()
	s.snapshots.running.Done()
}

// backup answers GET /backup with what was committed when the request came.
func (r *replica) backup(w http.ResponseWriter, req *http.Request) {
	var image *pebble.Snapshot
	mode, err := r.confirm(req.Context(), consistency{mode: readSafe})
	if err == nil {
		_, err = r.store.look(mode, func(s *store) (outcome, error) {
			image = s.openImage() // which does not wait for the disk
			return outcome{}, nil
		})
	}
	if err != nil {
		unavailable(w, err)
		return
	}
	parts := r.readImage(image)
	end, _ := req.Context().Deadline()
	late := time.AfterFunc(time.Until(end), func() { _ = parts.CloseWithError(errHangs) })
	defer late.Stop()
	coming := io.TeeReader(parts, writerFunc(func(b []byte) (int, error) {
		late.Reset(backupStall)
		return len(b), nil
	}))
	w.Header().Set("Content-Type", "application/octet-stream")
	sent, err := io.Copy(&paced{w, http.NewResponseController(w)}, coming)
	switch _ = parts.CloseWithError(err); {
	case err == nil:
	case sent == 0:
		unavailable(w, err)
	default: // the end is missing, so the client knows
		r.opts.log.Warn("a backup was broken off", "err", err)
	}
}

// readImage reads an image in the background, because the disk may hang, and closes it.
func (r *replica) readImage(image *pebble.Snapshot) *io.PipeReader {
	parts, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 256<<10)
		err := errors.Join(backupKind.write(out, image), out.Flush())
		r.store.closeImage(image)
		_ = w.CloseWithError(err)
	}()
	return parts
}

// paced gives each write of an answer a time of its own, for answers of any length.
type paced struct {
	w    http.ResponseWriter
	conn *http.ResponseController
}

func (p *paced) Write(b []byte) (int, error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	return p.w.Write(b)
}

// backupStall is how long a backup may stand still.
const backupStall = 30 * time.Second

var errStalled = fmt.Errorf("nothing has come for %v", backupStall)

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// fetchBackup gets a backup from a replica into a new file, and checks it. The file is there when
// the backup is whole and on the disk.
func fetchBackup(client *http.Client, from, to string) (at entryID, rows int, err error) {
	if _, err := os.Stat(to); err == nil {
		return at, 0, fmt.Errorf("%s exists already", to)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stalled := time.AfterFunc(backupStall, func() { cancel(errStalled) })
	defer stalled.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from+backupPath, nil)
	if err != nil {
		return at, 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return at, 0, errors.Join(err, context.Cause(ctx))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return at, 0, fmt.Errorf("%s answers %s: %s", from, resp.Status, bytes.TrimSpace(why))
	}
	part := to + ".part"
	file, err := os.Create(part)
	if err != nil {
		return at, 0, err
	}
	coming := io.TeeReader(resp.Body, writerFunc(func(b []byte) (int, error) {
		stalled.Reset(backupStall)
		return file.Write(b)
	}))
	body := bufio.NewReaderSize(coming, 256<<10)
	at, err = backupKind.read(body, func(key, _ []byte) error {
		if key[0] == dataPrefix {
			rows++
		}
		return nil
	})
	err = errors.Join(err, context.Cause(ctx), file.Sync(), file.Close())
	if err != nil {
		return at, 0, errors.Join(err, os.Remove(part))
	}
	return at, rows, errors.Join(os.Rename(part, to), syncFolder(to))
}
