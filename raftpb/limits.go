package raftpb

// Limits of decoding.
const (
	// MaxNesting is how many levels of Message.Responses, or of unknown groups, an input
	// may have.
	MaxNesting = 16

	// MaxDecodeFactor and MaxDecodeBase bound the memory that one Unmarshal into a zero
	// value allocates, garbage included: MaxDecodeBase + MaxDecodeFactor*len(input) bytes.
	//
	// A byte of input can be a whole id, which costs 8 bytes, and four times that when
	// the ids come in pieces and their slice has to grow. An entry without fields fits
	// into 2 bytes and needs 48, which has to be allowed; a message or a snapshot in
	// 2 bytes needs 160 or 144, and must not, by the thousand. These three share a budget
	// (structFactor, structBase). The input that is the worst of both has ids in seven
	// tenths of its bytes and spends the budget with the rest: 22 + 24, and what the
	// allocator rounds up.
	MaxDecodeFactor = 56
	MaxDecodeBase   = 8 << 10

	structFactor = 24
	structBase   = 4 << 10
)

// What a struct takes from the budget, in bytes: its size where a word has 8 of them.
const (
	entryCost    = 48
	messageCost  = 160
	snapshotCost = 144
)

// limits is what is left to one Unmarshal of a Message.
type limits struct {
	depth  int // levels of nested responses
	budget int // bytes of structs
}

// spend takes n structs from the budget before memory is allocated for them.
func (l *limits) spend(n, cost int) error {
	if l.budget -= n * cost; l.budget < 0 {
		return ErrDecodeLimit
	}
	return nil
}
