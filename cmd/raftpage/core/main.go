//go:build js && wasm

// Command core is the library as raftpage shows it, for a page: package run behind one function of
// JavaScript, raftCore(method, argument), which takes and returns JSON.
package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/ffd200af/raft/cmd/raftpage/run"
)

func main() {
	var b bridge
	js.Global().Set("raftCore", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return b.call(args[0].String(), args[1].String())
	}))
	select {}
}

// bridge has the run of the page.
type bridge struct {
	run     *run.Run
	without string // the rule that this build lacks; empty if none
}

// answer is what a call returns: the view after it, and what was asked for.
type answer struct {
	Error   string           `json:"error,omitempty"`
	View    *run.View        `json:"view,omitempty"`
	Records []run.RecordView `json:"records,omitempty"`
	Script  string           `json:"script,omitempty"`
	Lessons []run.Lesson     `json:"lessons,omitempty"`
}

// call carries out a method. A panic of a library that lacks a rule is an error.
func (b *bridge) call(method, argument string) (result string) {
	var a answer
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprintf("the library has panicked: %v", p)}
		}
		text, err := json.Marshal(a)
		if err != nil {
			text = []byte(`{"error":"the answer cannot be encoded"}`)
		}
		result = string(text)
	}()
	if err := b.do(method, argument, &a); err != nil {
		a.Error = err.Error()
	}
	if b.run != nil {
		a.View = b.run.View()
	}
	return ""
}

func (b *bridge) do(method, argument string, a *answer) error {
	switch method {
	case "without":
		b.without = argument
		return nil
	case "new":
		var o run.Options
		if err := json.Unmarshal([]byte(argument), &o); err != nil {
			return err
		}
		return b.begin(run.New(o))
	case "lessons":
		a.Lessons = run.Lessons()
		return nil
	case "lesson":
		return b.begin(run.NewLesson(argument))
	case "open":
		return b.begin(run.Open(strings.NewReader(argument)))
	}
	if b.run == nil {
		return fmt.Errorf("there is no run")
	}
	switch method {
	case "view":
		return nil
	case "beat":
		return b.run.Beat()
	case "step":
		return b.run.Step()
	case "do":
		var action run.Action
		if err := json.Unmarshal([]byte(argument), &action); err != nil {
			return err
		}
		return b.run.Do(action)
	case "goto":
		var step int
		if err := json.Unmarshal([]byte(argument), &step); err != nil {
			return err
		}
		return b.run.Goto(step)
	case "records": // from one step to before another
		var span [2]int
		if err := json.Unmarshal([]byte(argument), &span); err != nil {
			return err
		}
		for n := max(span[0], 1); n < min(span[1], b.run.Len()+1); n++ {
			a.Records = append(a.Records, b.run.RecordView(n))
		}
		return nil
	case "script":
		script, err := b.run.Script()
		a.Script = script
		return err
	}
	return fmt.Errorf("unknown method %q", method)
}

// begin makes r the run of the page.
func (b *bridge) begin(r *run.Run, err error) error {
	if err != nil {
		return err
	}
	r.SetWithout(b.without)
	b.run = r
	return r.Begin()
}
