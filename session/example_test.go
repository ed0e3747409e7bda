package session_test

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/session"
)

// account is a state machine: a balance, and the sessions of those who change it. Both are its
// state; a replica saves them together.
type account struct {
	balance  int
	sessions session.Table
}

// apply applies one committed entry.
func (a *account) apply(index uint64, data []byte) (string, error) {
	h, command, err := session.ParseHeader(data)
	if err != nil {
		return "", err
	}
	reply, err := a.sessions.Apply(index, h, func() []byte { return a.execute(command) })
	return string(reply), err
}

// execute knows nothing of sessions. A refusal is a reply like any other.
func (a *account) execute(command []byte) []byte {
	amount := int(int8(command[0]))
	if a.balance+amount < 0 {
		return []byte("refused")
	}
	a.balance += amount
	return fmt.Appendf(nil, "balance %d", a.balance)
}

// A leader dies after it has committed a withdrawal and before it has answered. The client sends
// the withdrawal again, under the same number, and it is in the log twice.
func Example() {
	withdraw := func(sequence, awaiting, time uint64, amount int8) []byte {
		h := session.Header{Kind: session.Execute, Time: time, Session: 2, Sequence: sequence, Awaiting: awaiting}
		return append(h.Append(nil), byte(-amount))
	}
	limits := session.Limits{Sessions: 1000, Window: 16, ReplyBytes: 1 << 10, TotalBytes: 1 << 20, Lifetime: 60_000}
	log := [][]byte{ // entries 1, 2, 3 and so on; the time is in milliseconds
		session.Header{Kind: session.Configure, Limits: limits}.Append(nil),
		session.Header{Kind: session.Register, Time: 1000}.Append(nil), // opens session 2
		withdraw(1, 1, 2000, 30),
		withdraw(1, 1, 3000, 30), // the same, sent again to the next leader
		withdraw(2, 2, 4000, 60), // the client has the reply to 1
		withdraw(1, 1, 5000, 30), // a copy that the network has kept
		withdraw(3, 3, 70_000, 5),
	}

	replica := &account{balance: 100}
	for i, data := range log {
		if i == 5 { // a snapshot takes the sessions along
			state, err := replica.sessions.MarshalBinary()
			if err != nil {
				fmt.Println(err)
				return
			}
			replica = &account{balance: replica.balance}
			if err := replica.sessions.UnmarshalBinary(state); err != nil {
				fmt.Println(err)
				return
			}
		}
		reply, err := replica.apply(uint64(i+1), data)
		switch {
		case errors.Is(err, session.ErrExpired):
			fmt.Printf("entry %d: nothing is executed for a session that has ended\n", i+1)
		case err != nil:
			fmt.Printf("entry %d: %v\n", i+1, err)
		default:
			fmt.Printf("entry %d: %q\n", i+1, reply)
		}
	}
	fmt.Println("in the end", replica.balance)

	// Output:
	// entry 1: ""
	// entry 2: ""
	// entry 3: "balance 70"
	// entry 4: "balance 70"
	// entry 5: "balance 10"
	// entry 6: session: reply was acknowledged and dropped
	// entry 7: nothing is executed for a session that has ended
	// in the end 10
}
