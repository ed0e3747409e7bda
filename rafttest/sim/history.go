package sim

import "fmt"

// Operation is what a client has done, for checkers of linearizability. Call and Return are moments
// of one order over all clients: no two are equal, and what happened before is smaller.
type Operation struct {
	// Client has one operation at a time. One that gave up an operation goes on under another
	// number.
	Client   int
	ReadOnly bool
	// Input is the command or the query, Output what the state machine has returned.
	Input, Output []byte
	Call, Return  int64
	// Unknown: the client has no answer. The command was carried out after Call, at any time, or
	// never was; Output and Return mean nothing.
	Unknown bool
}

// Stats count what has happened in a run.
type Stats struct {
	Events, Messages, Applied           int
	Elections, ConfChanges              int
	Commands, Reads, LeaseReads         int // that clients have had an answer to; of reads, asked for
	Crashes, Restarts, TornWrites       int
	Dropped, Duplicated                 int
	Partitions, Pauses, Stalls          int
	Quarantines, LostDisks, Unavailable int
	Snapshots, Restores, Joined         int
	Transfers, WriteErrors              int
	Dead, Stuck                         int // nodes that died for ever in the end, and disks that got stuck
	Noticed                             int // disks that came back without what was durable, noticed by their node
}

// add adds up the counts of two runs.
func (s *Stats) add(o *Stats) {
	a, b := s.fields(), o.fields()
	for i := range a {
		*a[i].count += *b[i].count
	}
}

type statField struct {
	name  string
	count *int
}

func (s *Stats) fields() []statField {
	return []statField{
		{"events", &s.Events}, {"messages", &s.Messages}, {"applied", &s.Applied}, {"elections", &s.Elections},
		{"configuration changes", &s.ConfChanges}, {"commands", &s.Commands}, {"reads", &s.Reads}, {"lease reads", &s.LeaseReads},
		{"crashes", &s.Crashes}, {"restarts", &s.Restarts}, {"torn writes", &s.TornWrites}, {"dropped", &s.Dropped},
		{"duplicated", &s.Duplicated}, {"partitions", &s.Partitions}, {"pauses", &s.Pauses}, {"stalls", &s.Stalls},
		{"quarantines", &s.Quarantines}, {"lost disks", &s.LostDisks}, {"unavailable reads", &s.Unavailable},
		{"snapshots", &s.Snapshots}, {"restores", &s.Restores}, {"joined", &s.Joined}, {"transfers", &s.Transfers}, {"failed writes", &s.WriteErrors},
		{"dead for ever", &s.Dead}, {"stuck for ever", &s.Stuck},
	}
}

// String lists the counts.
func (s *Stats) String() string {
	var out []byte
	for i, f := range s.fields() {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = fmt.Appendf(out, "%d %s", *f.count, f.name)
	}
	return string(out)
}

// Result is what a run was like.
type Result struct {
	Seed uint64
	// Hash is over everything that has happened: two runs with the same one are the same.
	Hash  uint64
	Stats Stats
	// Term and Commit are the largest there were, Ticks the length of the run.
	Term, Commit uint64
	Ticks        int
	// RecoverTicks is how long recovery took after the faults.
	RecoverTicks int
	// History is what the clients have done, with Config.KeepHistory.
	History []Operation
}
