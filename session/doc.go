// Package session lets a replicated state machine execute each client command once, however often
// the client sends it (thesis §6.3).
//
// Raft alone executes at least once: a leader that dies after it has committed a command and
// before it has answered leaves the client no choice but to send it again. A Table is the part
// of the state machine that recognises the second copy in the log and answers it with the reply of
// the first. It reads no clock, starts no goroutine and decides nothing by itself: replicas that
// apply the same log have the same table, to the byte.
//
// # The server
//
// Each log entry begins with a Header. The server that proposes an entry builds the header, of
// what the client says and its own time; ParseHeader takes it off again. Applying an entry is
//
//	h, command, err := session.ParseHeader(entry.Data)
//	if err == nil {
//		reply, err = table.Apply(entry.Index, h, func() []byte { return machine.execute(command) })
//	}
//	answer(reply, err) // if the client waits at this server; err belongs to the answer
//
// The table is state like any other: it is written in the same atomic write as what the commands
// changed, and AppendBinary puts it into snapshots. Saved apart from each other, a crash
// could leave a change without its record. Entries that the table has applied already, at a restart
// for example, get ErrApplied and change nothing.
//
// The first entry is a Configure command, proposed by whichever leader finds that there are no
// Limits yet. Limits and time decide who expires, so both come from the log and nowhere else:
// replicas that took them from their own files and clocks would part.
//
// # The client
//
// A client registers and takes the index of that entry as the id of its session. It numbers its
// commands from 1, and may have several in flight, up to Limits.Window:
//
//	sequence++
//	for {
//		// awaiting: the lowest number whose reply is not here yet
//		reply, err := send(someServer, id, sequence, awaiting, command)
//		if err is about the network or the leader {
//			continue // with the same number: it may have been executed or not
//		}
//		break
//	}
//
// With one command at a time awaiting is the command's own number. A client that has nothing to
// say sends KeepAlive before Limits.Lifetime is over, and Close when it ends. A session belongs to
// one client: two that share one would take each other's numbers.
//
// # What is promised
//
// While the session lives, a command is executed at most once, and everyone who asks gets the
// same reply, by whatever servers, leaders, restarts and snapshots it passes; a client that repeats
// a command until it gets an answer has it executed exactly once. Commands take effect at
// their first place in the log, which lies between the first sending and the reply: they are
// linearizable. Reads that do not go through the log need no session, but a read index.
//
// What is not promised: commands in flight are executed in the order of the log, not of their
// numbers. When the session has ended, ErrExpired says so and nothing is executed, but whether the
// commands without a reply were executed before cannot be known any more. A session ends when its
// client is silent for longer than Limits.Lifetime, and sooner when others need its place: when
// Limits.Sessions or Limits.TotalBytes is reached, whoever has been silent for longest goes. Who
// may register, and how often, is for the server to decide.
//
// # Bounds
//
//	sessions in the table         Limits.Sessions    the one silent for longest expires
//	replies kept of a session     Limits.Window      ErrWindow, not executed
//	bytes of one reply            Limits.ReplyBytes  ErrReplyTooLong, executed and remembered
//	bytes of all replies          Limits.TotalBytes  those silent for longest expire
//	time without a command        Limits.Lifetime    expires
//
// A command costs O(log Limits.Window), and no allocation but the copy of its reply and what
// its session grows by. Expiry looks only at sessions that do expire.
package session
