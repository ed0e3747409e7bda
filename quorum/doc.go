// Package quorum is the arithmetic of majorities, single and joint (thesis §4.3): the
// index that a quorum has acknowledged, and how a vote stands.
//
// CommittedIndex and ResultOf are the arithmetic itself, on plain numbers and without
// allocation. MajorityConfig and JointConfig apply it to sets of ids.
package quorum
