module github.com/ffd200af/raft/examples/kv/browser

go 1.26

require (
	github.com/chromedp/cdproto v0.160.1
	github.com/chromedp/chromedp v0.23.1
)

require (
	github.com/ffd200af/raft v0.0.0
	github.com/ffd200af/raft/cmd/raftpage/browser v0.0.0
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
)

replace (
	github.com/ffd200af/raft => ../../..
	github.com/ffd200af/raft/cmd/raftpage/browser => ../../../cmd/raftpage/browser
)
