package main

import (
	"strings"
)

// maxDiffCells bounds the table of a diff. Texts that need a larger one are shown whole.
const maxDiffCells = 4 << 20

// diff shows how two texts differ, line by line: " " both, "- " only the expected one, "+ " only
// the actual one. It keeps as many lines as possible.
func diff(expected, actual string) string {
	a, b := lines(expected), lines(actual)
	var out strings.Builder
	// What is the same at either end needs no table.
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	write(&out, "  ", a[:head])
	diffMiddle(&out, a[head:len(a)-tail], b[head:len(b)-tail])
	write(&out, "  ", a[len(a)-tail:])
	return out.String()
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

func write(out *strings.Builder, mark string, lines []string) {
	for _, line := range lines {
		out.WriteString(mark)
		out.WriteString(line)
		out.WriteByte('\n')
	}
}

// diffMiddle walks along a longest common subsequence of the lines.
func diffMiddle(out *strings.Builder, a, b []string) {
	if len(a)*len(b) > maxDiffCells {
		write(out, "- ", a)
		write(out, "+ ", b)
		return
	}
	common := commonLengths(a, b)
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			write(out, "  ", a[i:i+1])
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			write(out, "- ", a[i:i+1])
			i++
		default:
			write(out, "+ ", b[j:j+1])
			j++
		}
	}
	write(out, "- ", a[i:])
	write(out, "+ ", b[j:])
}

// commonLengths returns a table: [i][j] is the number of lines that a[i:] and b[j:] can share.
func commonLengths(a, b []string) [][]int32 {
	table := make([][]int32, len(a)+1)
	cells := make([]int32, (len(a)+1)*(len(b)+1))
	for i := range table {
		table[i] = cells[i*(len(b)+1) : (i+1)*(len(b)+1)]
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}
