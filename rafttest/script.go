package rafttest

import (
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/datadriven"
)

// Script is a datadriven file taken apart:
//
//	# comments and blank lines
//	command arguments \
//	    more arguments
//	input
//	----
//	expected output, up to a blank line
//
// Expected output with blank lines in it stands between two lines "----" twice. The directive
// "subtest" groups commands, and is passed over.
type Script struct {
	Blocks []Block
	// tail is what follows the last block: comments.
	tail string
}

// Block is one command of a script with what it is expected to print.
type Block struct {
	// Data is the command; its Pos is "line N", its Expected is empty or ends in a newline.
	Data datadriven.TestData
	// Line is the number of the line, from 1, on which the command starts.
	Line int
	// Directive is the line of the command as it stands there, with continued lines joined.
	Directive string
	// head is everything before the line "----", verbatim.
	head string
}

// Outcome is one command of a script with what it has printed.
type Outcome struct {
	Block
	// Actual is what the command has printed; it ends in a newline, like Expected.
	Actual string
}

// Replay runs a script in a new environment, and returns what each command was expected to print
// and has printed. The error is about a script that cannot be read; commands print theirs.
func Replay(script io.Reader, opts *InteractionOpts) ([]Outcome, error) {
	s, err := ParseScript(script)
	if err != nil {
		return nil, err
	}
	return s.Run(opts), nil
}

// Run carries out the commands in a new environment.
func (s *Script) Run(opts *InteractionOpts) []Outcome {
	env := NewInteractionEnv(opts)
	outcomes := make([]Outcome, 0, len(s.Blocks))
	for i, b := range s.Blocks {
		comment := b.comment()
		if i == 0 {
			comment = strings.TrimPrefix(strings.TrimPrefix(comment, s.Header()), "\n")
		}
		env.Options.Picture.Command(comment, b.commandLine())
		actual := sentence(env.Run(b.Data))
		env.Options.Picture.Printed(actual)
		outcomes = append(outcomes, Outcome{Block: b, Actual: actual})
	}
	return outcomes
}

// Rewrite returns the script with actual[i] as the expected output of the i-th block.
func (s *Script) Rewrite(actual []string) string {
	var out strings.Builder
	for i := range s.Blocks {
		out.WriteString(s.Blocks[i].head)
		out.WriteString(formatExpected(actual[i]))
	}
	out.WriteString(s.tail)
	text := out.String()
	if strings.HasSuffix(text, "\n\n") {
		text = text[:len(text)-1]
	}
	return text
}

const separator = "----"

// formatExpected renders expected output with its separators, and a blank line behind it.
func formatExpected(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" || line == separator+"\n" {
			double := separator + "\n" + separator + "\n"
			return double + text + double + "\n"
		}
	}
	return separator + "\n" + text + "\n"
}

// ParseScript takes a script apart.
func ParseScript(r io.Reader) (*Script, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	p := scriptParser{}
	for line := range strings.Lines(string(text)) {
		p.lines = append(p.lines, strings.TrimRight(line, "\r\n"))
	}
	s := &Script{}
	for {
		start := p.at
		found := p.skipToDirective()
		if !found {
			s.tail = p.verbatim(start)
			return s, nil
		}
		b, err := p.block(start)
		if err != nil {
			return nil, err
		}
		if b.Data.Cmd == "subtest" {
			p.carried = b.head
			continue
		}
		s.Blocks = append(s.Blocks, b)
	}
}

// scriptParser walks through the lines of a script.
type scriptParser struct {
	lines []string
	at    int
	// carried is verbatim text without a command that belongs before the next block.
	carried string
}

// next returns the next line; false behind the last one.
func (p *scriptParser) next() (string, bool) {
	if p.at == len(p.lines) {
		return "", false
	}
	p.at++
	return p.lines[p.at-1], true
}

// verbatim returns the lines from start to where the parser is.
func (p *scriptParser) verbatim(start int) string {
	var out strings.Builder
	out.WriteString(p.carried)
	p.carried = ""
	for _, line := range p.lines[start:p.at] {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.String()
}

// skipToDirective goes to the next line that is neither blank nor a comment.
func (p *scriptParser) skipToDirective() bool {
	for ; p.at < len(p.lines); p.at++ {
		if line := strings.TrimSpace(p.lines[p.at]); line != "" && !strings.HasPrefix(line, "#") {
			return true
		}
	}
	return false
}

// block reads a command, its input and its expected output. Text that belongs to it begins at
// start.
func (p *scriptParser) block(start int) (Block, error) {
	b := Block{Line: p.at + 1}
	directive, _ := p.next()
	directive = strings.TrimSpace(directive)
	for strings.HasSuffix(directive, `\`) {
		more, ok := p.next()
		if !ok {
			break
		}
		directive = strings.TrimSuffix(directive, `\`) + " " + strings.TrimSpace(more)
	}
	cmd, cmdArgs, err := datadriven.ParseLine(directive)
	if err != nil {
		return b, fmt.Errorf("line %d: %w", b.Line, err)
	}
	b.Directive = directive
	b.Data = datadriven.TestData{Pos: fmt.Sprintf("line %d", b.Line), Cmd: cmd, CmdArgs: cmdArgs}
	if cmd == "subtest" {
		b.head = p.verbatim(start)
		return b, nil
	}
	var input []string
	for {
		line, ok := p.next()
		if !ok {
			return b, fmt.Errorf("line %d: no line %q behind the command %q", b.Line, separator, cmd)
		}
		if line == separator {
			break
		}
		input = append(input, line)
	}
	b.Data.Input = strings.TrimSpace(strings.Join(input, "\n"))
	p.at--
	b.head = p.verbatim(start)
	p.at++
	b.Data.Expected, err = p.expected()
	if err != nil {
		return b, fmt.Errorf("line %d: %w", b.Line, err)
	}
	return b, nil
}

// expected reads the expected output behind the first separator.
func (p *scriptParser) expected() (string, error) {
	var out strings.Builder
	if p.at < len(p.lines) && p.lines[p.at] == separator {
		p.at++
		return p.expectedWithBlanks()
	}
	for {
		line, ok := p.next()
		if !ok || strings.TrimSpace(line) == "" {
			return out.String(), nil
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
}

// expectedWithBlanks reads up to a double separator and the blank line behind it.
func (p *scriptParser) expectedWithBlanks() (string, error) {
	var out strings.Builder
	for {
		line, ok := p.next()
		if !ok {
			return "", fmt.Errorf("expected output that began with two lines %q does not end with two", separator)
		}
		if line == separator && p.at < len(p.lines) && p.lines[p.at] == separator {
			p.at++
			break
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
	if line, ok := p.next(); ok && strings.TrimSpace(line) != "" {
		return "", fmt.Errorf("line %d: a blank line must follow expected output that ends with two lines %q", p.at, separator)
	}
	return out.String(), nil
}
