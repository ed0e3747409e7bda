package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/scanner"
)

// protoFile is what raft.proto declares, in the order of the text.
type protoFile struct {
	pkg      string
	imports  []string
	messages []message
	enums    []enum
	options  []option
}

type message struct {
	name   string
	fields []field
}

type field struct {
	name     string
	number   uint64
	repeated bool
	typ      string
	options  []option
}

type enum struct {
	name   string
	values []value
}

type value struct {
	name   string
	number uint64
}

// option is an extension option, such as (gogoproto.nullable) = false. The value is true, false
// or a string in quotes.
type option struct{ name, value string }

// parser panics with an error on text that it does not understand. parse recovers it.
type parser struct{ scanner.Scanner }

func parse(text string) (f protoFile, err error) {
	var p parser
	p.Init(strings.NewReader(text))
	p.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings |
		scanner.ScanComments | scanner.SkipComments
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %v", p.Pos(), r)
		}
	}()
	for token := p.next(); token != ""; token = p.next() {
		p.declaration(token, &f)
	}
	return f, nil
}

func (p *parser) declaration(token string, f *protoFile) {
	switch token {
	case "syntax":
		p.expect("=", `"proto2"`, ";")
	case "package":
		f.pkg = p.next()
		p.expect(";")
	case "import":
		f.imports = append(f.imports, unquoted(p.next()))
		p.expect(";")
	case "option":
		f.options = append(f.options, p.option())
		p.expect(";")
	case "message":
		f.messages = append(f.messages, p.message())
	case "enum":
		f.enums = append(f.enums, p.enum())
	default:
		panic(fmt.Sprintf("unexpected %q", token))
	}
}

// next returns the next token, or nothing at the end.
func (p *parser) next() string {
	if p.Scan() == scanner.EOF {
		return ""
	}
	return p.TokenText()
}

func (p *parser) expect(tokens ...string) {
	for _, want := range tokens {
		if got := p.next(); got != want {
			panic(fmt.Sprintf("got %q, want %q", got, want))
		}
	}
}

func (p *parser) option() option {
	p.expect("(", "gogoproto", ".")
	o := option{name: p.next()}
	p.expect(")", "=")
	o.value = p.next()
	return o
}

func (p *parser) message() message {
	m := message{name: p.next()}
	p.expect("{")
	for label := p.next(); label != "}"; label = p.next() {
		if label != "optional" && label != "repeated" {
			panic(fmt.Sprintf("unexpected label %q", label))
		}
		fd := field{repeated: label == "repeated", typ: p.next(), name: p.next()}
		p.expect("=")
		fd.number = number(p.next())
		token := p.next()
		if token == "[" {
			for token != "]" {
				fd.options = append(fd.options, p.option())
				token = p.next()
			}
			token = p.next()
		}
		if token != ";" {
			panic(fmt.Sprintf("got %q, want the end of field %s", token, fd.name))
		}
		m.fields = append(m.fields, fd)
	}
	return m
}

func (p *parser) enum() enum {
	e := enum{name: p.next()}
	p.expect("{")
	for name := p.next(); name != "}"; name = p.next() {
		p.expect("=")
		e.values = append(e.values, value{name, number(p.next())})
		p.expect(";")
	}
	return e
}

func number(token string) uint64 {
	n, err := strconv.ParseUint(token, 10, 31)
	if err != nil {
		panic(err)
	}
	return n
}

func unquoted(token string) string {
	s, err := strconv.Unquote(token)
	if err != nil {
		panic(fmt.Sprintf("%s is not a string", token))
	}
	return s
}
