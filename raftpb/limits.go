package raftpb

// Limits of decoding.
const (
	// MaxNesting is how many levels of Message.Responses, or of unknown groups, an input may have.
	MaxNesting = 16

	// MaxDecodeFactor and MaxDecodeBase bound the memory that one Unmarshal into a zero
	// value allocates, garbage included: MaxDecodeBase + MaxDecodeFactor*len(input) bytes.
	//
	// Half of that is what structs may take up (structFactor, structBase): an Entry
	// without fields fits into 2 bytes of input and needs 48 of memory, which has to be
	// allowed; a Message needs 160 and must not be, by the thousand. The rest is for
	// what grows in steps, and for the rounding of the allocator.
	MaxDecodeFactor = 48
	MaxDecodeBase   = 8 << 10

	structFactor = 24
	structBase   = 4 << 10
)

// What an element counts against the budget, in bytes: its size where a word has 8 bytes.
// An id counts double, because lists of ids grow by doubling.
const (
	entryCost    = 48
	messageCost  = 160
	snapshotCost = 144
	idCost       = 16
)

// limits is what is left to one Unmarshal.
type limits struct {
	depth  int // levels of nested responses
	budget int // bytes of structs and ids
}

func newLimits(b []byte) limits {
	return limits{depth: MaxNesting, budget: structBase + structFactor*len(b)}
}

// spend takes n things from the budget before memory is allocated for them.
func (l *limits) spend(n, cost int) error {
	if l.budget -= n * cost; l.budget < 0 {
		return ErrDecodeLimit
	}
	return nil
}
