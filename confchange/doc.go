// Package confchange is the pure function from a configuration and a change to the next
// configuration (thesis chapter 4).
//
// A simple change alters one voter at most, so that majorities before and after it
// overlap (§4.1). Any other change goes through a joint configuration (§4.3), which is entered with
// the changes and left without:
//
//	(1 2 3) --enter: v4 r1--> (2 3 4)&&(1 2 3) --leave--> (2 3 4)
//
// Every change that is not legal is a typed error. Arguments are never changed.
package confchange
