package confchange

import "errors"

// Why a change or a configuration is not legal. Test with errors.Is.
var (
	// ErrJoint: the change cannot be made in a joint configuration.
	ErrJoint = errors.New("confchange: the configuration is joint")
	// ErrNotJoint: there is no joint configuration to leave.
	ErrNotJoint = errors.New("confchange: the configuration is not joint")
	// ErrTooMany: the change alters more than one voter and needs a joint configuration.
	ErrTooMany = errors.New("confchange: more than one voter changes without a joint configuration")
	// ErrNoVoters: nobody would be left to vote.
	ErrNoVoters = errors.New("confchange: no voters are left")
	// ErrUnknownType: the type of the change is unknown.
	ErrUnknownType = errors.New("confchange: unknown type of change")
	// ErrInvalid: the configuration contradicts itself.
	ErrInvalid = errors.New("confchange: invalid configuration")
)
