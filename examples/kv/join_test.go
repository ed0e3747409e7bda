package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestACallerHasAddedThisFolder, or a replica that joins does not take its cluster: the id may
// belong to another folder, or to a cluster that was not born yet.
func TestACallerHasAddedThisFolder(t *testing.T) {
	var report identityReport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, report) }))
	defer server.Close()
	r := &replica{opts: options{id: 4}, store: &store{identity: "d"}, peers: newTransport(4, "")}
	r.caller.Store(server.URL)
	own := member{Address: "http://d:4", Data: "d"}
	other, removed := own, own
	other.Data, removed.Removed = "other", true
	for name, tc := range map[string]struct {
		report identityReport
		ok     bool
	}{
		"this folder":    {identityReport{Cluster: "c", Members: members{4: own}}, true},
		"another folder": {identityReport{Cluster: "c", Members: members{4: other}}, false},
		"removed":        {identityReport{Cluster: "c", Members: members{4: removed}}, false},
		"unknown":        {identityReport{Cluster: "c"}, false},
		"not born":       {identityReport{Members: members{4: own}}, false},
	} {
		report = tc.report
		known, cluster, err := r.askCaller(context.Background())
		if (err == nil) != tc.ok || tc.ok && (cluster != "c" || known[4] != own.Address) {
			t.Errorf("%s: %v, %q, %v", name, known, cluster, err)
		}
	}
}
