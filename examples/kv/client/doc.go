// Package client talks to the key-value store of this module.
//
//	endpoints := []string{"http://host1:9121", "http://host2:9121"}
//	c, err := client.New(client.Config{Endpoints: endpoints})
//	...
//	revision, err := c.Put(ctx, "greeting", []byte("hello"))
//	item, err := c.Get(ctx, "greeting")
//	_, err = c.PutIf(ctx, "greeting", []byte("hello again"), item.Revision)
//
// A Client may be used by several goroutines at once.
//
// # Which replica is asked
//
// The client asks the endpoints who takes part and who leads. Writes and linearizable reads go to
// the leader, monotonic reads to the others. A call goes on to the next replica when one is down,
// was removed, belongs to another cluster or has no answer. When all have been asked, the call
// pauses and begins again. The pause is random and grows up to a second. A request to a leader that
// does not answer ends as soon as another replica leads.
//
// A call ends with an answer or with its context: give it a context with a deadline. It also ends
// when every replica refuses it for good.
//
// Each request names the cluster, so no replica of another cluster takes it.
//
// All calls share one connection to each replica, see [Transport]. So one Client serves many
// goroutines better than many Clients do.
//
// # Writes are carried out once
//
// A write has a number in the session of the client (thesis §6.3). The client repeats it, with the
// same number and at any replica, until there is an answer. The cluster carries it out once. The
// first write opens the session.
//
// An error of a write that does not match [ErrUnknown] means that the write was not carried out.
// ErrUnknown means that it may have been carried out, or may be later. There are three cases:
//
//   - The context ended after a request was sent and before there was an answer.
//   - The session ended in that time. When the cluster has more than 1000 sessions, it ends the one
//     that was used longest ago. The record of what was carried out ends with it, so the client
//     does not repeat the write.
//   - A replica refused a repetition: it no longer accepts the bearer token, for instance.
//
// When the session has ended before a write reached any replica, nothing is in doubt. The client
// opens another session and sends the write in it, without an error.
//
// A session has at most 16 numbers in use, from the lowest without an answer on. Further writes
// wait inside the client. Several clients have several sessions.
//
// # Reads
//
// [Client.Get] and [Client.List] are linearizable. [Client.GetMonotonic], and List with
// [Listing.Monotonic], may be answered by any replica from what it has. They never go back in time
// (thesis §6.4.1). Each answer carries the log index that it was given at. The client sends the
// highest one that it has seen, and a replica answers when it has applied that index. So a client
// reads its own writes. [Client.Token] and [Client.Observe] hand the index to another client. That
// client then sees at least what this one has seen.
package client
