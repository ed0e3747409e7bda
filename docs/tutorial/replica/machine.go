package replica

import "encoding/binary"

// command adds an amount to the counter, once: client and number say which command it is.
type command struct{ client, number, amount uint64 }

func (c command) encode() []byte {
	data := binary.BigEndian.AppendUint64(nil, c.client)
	data = binary.BigEndian.AppendUint64(data, c.number)
	return binary.BigEndian.AppendUint64(data, c.amount)
}

func decode(data []byte) (c command, ok bool) {
	if len(data) != 24 {
		return c, false
	}
	return command{
		client: binary.BigEndian.Uint64(data),
		number: binary.BigEndian.Uint64(data[8:]),
		amount: binary.BigEndian.Uint64(data[16:]),
	}, true
}

// machine is the state machine. It depends on nothing but the entries of the log, so all replicas
// have the same one at the same index.
type machine struct {
	applied uint64            // the index of the last entry
	counter uint64            // the sum of all amounts
	done    map[uint64]uint64 // by client, the number of its last command
}

// execute executes a command, unless it is a repetition of one that was executed.
func (m *machine) execute(c command) {
	if c.number > m.done[c.client] {
		m.done[c.client] = c.number
		m.counter += c.amount
	}
}
