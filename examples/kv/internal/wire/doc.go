// Package wire is what travels on connections that many messages share: between two replicas, and
// between a client and a replica.
//
// Everything is in frames with a checksum. On a connection of a client, a frame has a Request, or
// the Answer to one. Both are those of HTTP. Requests are answered as they finish, so an Answer has
// the number of its Request.
package wire
