package picture

import (
	"fmt"
	"strings"
)

// legend is a drawing of all marks with their names. Nodes of stores can sleep.
func legend(stores bool) string {
	g := glyphs{}
	column := func(x int, draw func(i, y int) string, names ...string) {
		for i, name := range names {
			y := 12 + i*22
			g.printf(`%s<text x="%d" y="%d">%s</text>`, draw(i, y), x+34, y+4, name)
		}
	}
	roles := []string{"follower", "learner", "pre-candidate", "candidate", "leader", "down"}
	if stores {
		roles = append(roles, "asleep")
	}
	column(10, func(i, y int) string {
		class := []string{"follower t1", "learner t1", "pre-candidate t2", "candidate t2", "leader t2", "down", "leader t2 asleep"}[i]
		return fmt.Sprintf(`<path class="line %s" d="M20 %dv18"/>`, class, y-9)
	}, roles...)
	column(150, func(i, y int) string {
		class := []string{"append t1", "vote t2", "heartbeat t1", "append t1 reject", "append t1 lost", "append t1 in-flight", "append t1 by-hand", "snapshot t1"}[i]
		path := fmt.Sprintf("M150 %dL178 %d", y-3, y+2)
		return fmt.Sprintf(`<g class="arrow %s"><path d="%s"/><path class="head" d="%s"/></g>`, class, path, head(150, float64(y-3), 178, float64(y+2), " "+class))
	}, "append", "vote", "heartbeat, read", "rejects, or is refused", "is lost", "is in flight", "made up by hand", "snapshot")
	column(350, func(i, y int) string {
		c := glyphs{}
		s := Status{Durable: 1, Commit: 0}
		switch i {
		case 0:
			s.Durable = 0
		case 2:
			s.Commit = 1
		case 3:
			s.Commit, s.Applied = 1, 1
		}
		c.cell(356, y-8, 1, &Entry{Term: 3, Config: i == 4}, &s)
		return c.out.String()
	}, "entry of term 3, not durable", "durable", "committed", "applied", "changes the configuration")
	column(580, func(i, y int) string {
		m := glyphs{}
		kind := []Kind{Input, Tick, Receive, Ready, Write, Apply, Start, Crash}[i]
		m.mark(&lane{X: 590}, kind)
		return fmt.Sprintf(`<g transform="translate(0 %d)">%s</g>`, y-anchor, m.out.String())
	}, "asked by a client or operator", "clock", "takes a message", "handles a Ready", "disk writes", "state machine applies", "starts", "crashes")
	return `<svg class="raft" width="800" height="190" role="img" aria-label="Legend">` + strings.TrimSpace(g.out.String()) + `</svg>`
}
