package raftpb

import "errors"

// Errors of Unmarshal. Test with errors.Is; input that ends too early gives
// io.ErrUnexpectedEOF. The first three have the texts of generated code.
var (
	// ErrInvalidLengthRaft: a length reaches beyond what can be addressed.
	ErrInvalidLengthRaft = errors.New("proto: negative length found during unmarshaling")
	// ErrIntOverflowRaft: an integer does not fit into 64 bits.
	ErrIntOverflowRaft = errors.New("proto: integer overflow")
	// ErrUnexpectedEndOfGroupRaft: a group ends that did not begin.
	ErrUnexpectedEndOfGroupRaft = errors.New("proto: unexpected end of group")
	// ErrWireType: a known field has another wire type than it should, or a tag is illegal.
	ErrWireType = errors.New("raftpb: wrong wire type")
	// ErrNesting: responses or unknown groups are nested more than MaxNesting deep.
	ErrNesting = errors.New("raftpb: nested too deeply")
	// ErrDecodeLimit: the input is built so that it would take far more memory than its
	// length warrants. Nothing that Marshal wrote is.
	ErrDecodeLimit = errors.New("raftpb: input needs too much memory for its length")
)

// ErrUnknownChange is matched by what the Validate methods return.
var ErrUnknownChange = errors.New("raftpb: unknown kind of configuration change")
