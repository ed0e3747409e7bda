package main

// codecRemovals take out what bounds the memory of decoded messages.
func codecRemovals() []removal {
	return []removal{
		{"slab-bounded", "the arrays that entries share are small, so a kept entry keeps little", "budget", []edit{{"raftpb/entry_data.go",
			`c.free = make([]byte, min(size+c.left, slabSize))`, `c.free = make([]byte, size+c.left)`}}},
		{"slab-fits", "these arrays are as long as they have to be", "budget", []edit{{"raftpb/entry_data.go",
			`c.free = make([]byte, min(size+c.left, slabSize))`, `c.free = make([]byte, slabSize)`}}},
		{"data-copied", "what was decoded does not refer to the input", "ownership", []edit{{"raftpb/codec_message.go",
			`			e.Data = data.own(e.Data, int(n))`, `			_ = data.own(e.Data, int(n))`}}},
		{"data-apart", "entries that share an array cannot write into each other", "ownership", []edit{{"raftpb/entry_data.go",
			`own := c.free[:size:size]`, `own := c.free[:size]`}}},
		{"decode-entries", "entries take from the budget of a message before there is memory for them", "bounds", []edit{{"raftpb/codec_message.go",
			`	if err := lim.spend(found.entries, entryCost); err != nil {`, `	if err := lim.spend(0, entryCost); err != nil {`}}},
		{"decode-responses", "so do responses", "bounds", []edit{{"raftpb/codec_message.go",
			`	if err := lim.spend(found.responses, messageCost); err != nil {`, `	if err := lim.spend(0, messageCost); err != nil {`}}},
		{"decode-depth", "responses are nested to a bounded depth", "bounds", []edit{{"raftpb/codec_message.go",
			`	if found.responses > 0 && lim.depth == 0 {`, `	if false {`}}},
	}
}
