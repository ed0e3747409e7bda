package rafttest

import (
	"fmt"
	"strings"
	"testing"
)

func TestRedirectLoggerWritesFromItsLevelOn(t *testing.T) {
	lines := []string{"DEBUG a1", "DEBUG a2", "INFO b1", "INFO b2", "WARN c1", "WARN c2", "ERROR d1", "ERROR d2", "FATAL e1", "FATAL e2", "FATAL f1", "FATAL f2"}
	for level, first := range []int{0, 2, 4, 6, 8, len(lines)} {
		l := &RedirectLogger{Builder: &strings.Builder{}, Lvl: level}
		l.Debug("a", 1)
		l.Debugf("a%d", 2)
		l.Info("b", 1)
		l.Infof("b%d", 2)
		l.Warning("c", 1)
		l.Warningf("c%d", 2)
		l.Error("d", 1)
		l.Errorf("d%d\n", 2)
		panics(t, "e1", func() { l.Fatal("e", 1) })
		panics(t, "e2", func() { l.Fatalf("e%d", 2) })
		panics(t, "f1", func() { l.Panic("f", 1) })
		panics(t, "f2", func() { l.Panicf("f%d", 2) })
		want := strings.Join(lines[first:], "\n")
		if got := strings.TrimSuffix(l.String(), "\n"); got != want {
			t.Errorf("at level %d:\n%s", level, got)
		}
	}
}

func panics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		if got := recover(); got != want {
			t.Errorf("panic with %v, want %s", got, want)
		}
	}()
	f()
}

func TestAQuietLoggerDropsEverything(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		l := &RedirectLogger{Builder: &strings.Builder{}}
		if quiet {
			l.Lvl = levelNone
		}
		if l.Quiet() != quiet {
			t.Errorf("Quiet() = %t", l.Quiet())
		}
		n1, err1 := l.Write([]byte("ab"))
		n2, err2 := l.WriteString("cd")
		n3, err3 := l.WriteRune('é')
		err4 := l.WriteByte('f')
		if n1 != 2 || n2 != 2 || n3 != 2 || err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			t.Errorf("writes: %d %d %d %v %v %v %v", n1, n2, n3, err1, err2, err3, err4)
		}
		want := "abcdéf"
		if quiet {
			want = ""
		}
		if got := l.String(); got != want {
			t.Errorf("quiet %t: %q", quiet, got)
		}
	}
}

func TestLogLinesStandAmongTheOutputOfCommands(t *testing.T) {
	env := NewInteractionEnv(nil)
	env.printf("before\n")
	err := env.indented(func() error {
		env.Output.Info("inside")
		env.printf("and\n\nwithout an end")
		return fmt.Errorf("error")
	})
	env.Output.Warning("behind")
	if got, want := env.Output.String(), "before\n  INFO inside\n  and\n  \n  without an end\nWARN behind\n"; got != want || err == nil {
		t.Errorf("got %q, %v", got, err)
	}
}
