package main

import (
	"path"
	"strings"
)

// A program is one row of the table: modules from the proxy, and which of their tests to run.
type program struct {
	name    string
	modules []module
	raft    string // the import path of raft in the program
	raftDir string // the folder of the raft package within a module above; empty: raft is a module
	env     []string
	suites  []suite

	// unsteady names tests that fail or flicker with v3.6.0 itself, with the reason. A failure of
	// one of them is shown and not counted.
	unsteady map[string]string
}

// A module is laid out in a folder of its own, as in the program's repository.
type module struct {
	path, version string
	dir           string
	gomod         string // requirements of a module that was published without go.mod
}

// A suite is a set of packages of one module.
type suite struct {
	dir      string   // of the module
	packages []string // patterns, relative to dir
	short    string   // with -short: which tests, as for go test -run; empty means none
	repeat   int      // how often each test runs; 0 means once
}

// selected returns the suites of p that the options ask for.
func (p *program) selected(opts options) []suite {
	var out []suite
	for _, s := range p.suites {
		if opts.short && s.short == "" {
			continue
		}
		var packages []string
		for _, pattern := range s.packages {
			if opts.only.MatchString(s.label(p, strings.TrimSuffix(pattern, "/..."))) {
				packages = append(packages, pattern)
			}
		}
		if s.packages = packages; len(packages) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// label is how a package is named on the command line and in the output.
func (s *suite) label(p *program, pkg string) string {
	return path.Join(p.name, s.dir, pkg)
}

// etcdModules are the modules of etcd at a version, laid out as in its repository: they refer to
// each other and to the certificates in tests/fixtures by relative paths.
func etcdModules(version string) []module {
	var out []module
	for _, m := range [][2]string{
		{"", "."}, {"api/", "api"}, {"pkg/", "pkg"}, {"client/pkg/", "client/pkg"}, {"client/", "client/v3"},
		{"etcdctl/", "etcdctl"}, {"etcdutl/", "etcdutl"}, {"server/", "server"}, {"tests/", "tests"},
	} {
		out = append(out, module{path: "go.etcd.io/etcd/" + m[0] + "v3", version: version, dir: m[1]})
	}
	return out
}

var table = []*program{
	{
		name:    "etcd",
		modules: etcdModules("v3.6.14"),
		raft:    "go.etcd.io/raft/v3",
		env:     []string{"ETCD_VERIFY=all"},
		suites: []suite{
			{dir: "server", packages: []string{"./etcdserver/...", "./storage/...", "./embed/..."}, short: "."},
			{dir: "tests", packages: []string{"./integration/..."}, short: integrationShare},
			{dir: ".", packages: []string{"./contrib/raftexample/..."}, short: ".", repeat: 5},
		},
	},
}

// integrationShare are the integration tests of etcd for CI, two minutes of them: membership,
// leader moves, snapshots, restarts and linearizable reads.
const integrationShare = `^(TestDecreaseClusterSize.*|TestIncreaseClusterSize|TestAddMember.*|TestIssue.*|TestRejectUnhealthy.*|` +
	`TestMoveLeader.*|TestTransferLeader.*|TestFirstCommitNotification|TestForceNewCluster|TestRestartMember|TestSpeedyTerminate|` +
	`TestDoubleClusterSizeOf3|TestNetworkPartition.*|TestRevisionMonotonic.*|TestKVGet.*|TestSaveSnapshot.*|TestSnapshotV3.*|` +
	`TestConcurrentRemoveMember|TestRemoveMemberInLearner.*|TestMemberPromote.*)$`
