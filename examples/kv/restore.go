package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/raftpb"
)

// The commands that make a backup and a new cluster of it. The new cluster begins with one replica;
// others join it. Its log goes on far beyond the index of the backup. So no revision and no session
// id is used again, not even those of lost writes that came after the backup.

// restoreGap is more than the number of entries that the old cluster may have written after the
// backup.
const restoreGap = 1 << 32

// tool is the command line of kv backup and kv restore.
type tool struct {
	from, to string
	id       uint64
	address  string
	peer     string
	data     string
	tls      certFiles // of this client
}

// runTool carries out a command, and returns the exit status as run does.
func runTool(command string, args []string, stdout, stderr io.Writer) int {
	c := tool{tls: certFiles{log: slog.New(slog.DiscardHandler)}}
	flags := flag.NewFlagSet("kv "+command, flag.ContinueOnError)
	carryOut := c.backup
	if command == "backup" {
		flags.StringVar(&c.from, "from", "", "address of any replica")
		flags.StringVar(&c.to, "to", "", "file to write")
		flags.StringVar(&c.tls.ca, "ca", "", "file with the authorities that sign certificates of replicas; without it, those of the system")
		flags.StringVar(&c.tls.cert, "cert", "", "file with the certificate of this client, if replicas demand one")
		flags.StringVar(&c.tls.key, "key", "", "file with the key of -cert")
	} else {
		carryOut = c.restore
		flags.StringVar(&c.from, "from", "", "file that kv backup has written")
		flags.Uint64Var(&c.id, "id", 0, "the replica that is the first one of the new cluster")
		flags.StringVar(&c.address, "address", "", "http://host:port at which others and clients will reach it")
		flags.StringVar(&c.peer, "peer-address", "", "http://host:port at which other replicas will reach it, if it is not -address")
		flags.StringVar(&c.data, "data", "kv-data", "folder of the data; the replica gets its own in it")
	}
	check := func(rest []string) error { return c.check(command, rest) }
	return runCommand(flags, args, check, carryOut, stdout, stderr)
}

func (c *tool) check(command string, rest []string) error {
	address := &c.from
	if command == "restore" {
		address = &c.address
	}
	parsed, err := parseBase(*address)
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not a flag, and there are no other arguments (-h lists the flags)", rest[0])
	case command == "backup" && (c.from == "" || c.to == ""):
		return errors.New("backup needs -from and -to")
	case (c.tls.cert == "") != (c.tls.key == ""):
		return errors.New("-cert and -key need each other")
	case command == "restore" && (c.from == "" || c.id == 0 || c.address == ""):
		return errors.New("restore needs -from, -id and -address")
	case err != nil:
		return err
	}
	*address = parsed
	if c.peer != "" {
		c.peer, err = parsePeer(c.peer, c.address)
	}
	return err
}

func (c *tool) backup(stdout io.Writer) error {
	at, keys, err := fetchBackup(c.tls.httpClient(), c.from, c.to)
	if err != nil {
		return fmt.Errorf("backup of %s: %w", c.from, err)
	}
	_, err = fmt.Fprintf(stdout, "%s has %d keys, as of index %d of term %d\n", c.to, keys, at.index, at.term)
	return err
}

func (c *tool) restore(stdout io.Writer) error {
	o := options{id: c.id, dir: filepath.Join(c.data, strconv.FormatUint(c.id, 10))}
	if o.inUse() {
		return fmt.Errorf("%s has data already: restore makes a new folder only", o.dir)
	}
	if err := c.restoreTo(o.dir); err != nil {
		return fmt.Errorf("restore of %s: %w", c.from, err)
	}
	_, err := fmt.Fprintf(stdout, `Replica %d at %s is the only member of a new cluster. Start it, and add others:
  kv -id %[1]d -data %[3]s
  kv -id ID -data %[3]s -join %[2]s -address http://HOST:PORT
`, c.id, c.address, c.data)
	return err
}

// restoreTo makes the folder beside its place and moves it there when it is whole.
func (c *tool) restoreTo(dir string) error {
	file, err := os.Open(c.from)
	if err != nil {
		return err
	}
	defer file.Close()
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	e, err := openEngine(vfs.Default, part)
	if err != nil {
		return err
	}
	err = e.guard(func() error { return e.restore(file, c.id, member{Address: c.address, Peer: c.peer}) })
	if err = errors.Join(err, e.guard(e.close)); err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	_ = os.Remove(dir) // it may be there and be empty
	return errors.Join(os.Rename(part, dir), syncFolder(dir))
}

// restore fills an empty database.
func (e *engine) restore(file io.Reader, id uint64, alone member) error {
	b := e.db.NewBatch()
	defer func() { _ = b.Close() }()
	at, err := backupKind.read(bufio.NewReaderSize(file, 256<<10), func(key, value []byte) error {
		if err := b.Set(key, value, nil); err != nil || b.Len() < 4<<20 {
			return err
		}
		err := errors.Join(e.commit(b, false), b.Close())
		b = e.db.NewBatch()
		return err
	})
	if err != nil {
		return err
	}
	at.index += restoreGap
	name := rand.Text()
	alone.Data = name
	all := members{id: alone}
	hard := raftpb.HardState{Term: at.term, Commit: at.index}
	err = errors.Join(
		setMessage(b, keyHard, &hard), b.Set(keyPrev, encodeID(at), nil),
		setApplied(b, at, raftpb.ConfState{Voters: []uint64{id}}),
		all.write(b, nil), b.Set(keyIdentity, []byte(name), nil), b.Set(keyCluster, []byte(clusterOf(all)), nil))
	if err != nil {
		return err
	}
	return e.commit(b, true)
}

// syncFolder makes a new name durable.
func syncFolder(name string) error {
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
