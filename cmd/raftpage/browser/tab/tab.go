// Package tab drives a tab of a headless Chromium in tests of pages.
package tab

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	requireBrowser = flag.Bool("require-browser", false, "fail without Chromium, where the tests are skipped otherwise")
	screenshots    = flag.String("screenshots", "", "folder for pictures of the page")
)

// patience bounds every wait; nothing waits longer than it must.
const patience = 2 * time.Minute

// Tab is a tab of a headless browser, and what has happened in it.
type Tab struct {
	T *testing.T
	// Wide and Narrow are the widths of the pictures that Shoot takes, and Height their height.
	Wide, Narrow, Height int64

	ctx      context.Context
	mu       sync.Mutex
	requests []*network.Request
	errors   []string // of scripts, and of the console
}

// Open opens a tab of so many pixels. The test is skipped if there is no Chromium.
func Open(t *testing.T, width, height int) *Tab {
	t.Helper()
	path := findChromium()
	switch {
	case path == "" && *requireBrowser:
		t.Fatal("there is no Chromium: install it (on Debian, apt-get install chromium)")
	case path == "":
		t.Skip("there is no Chromium, so the page is not tested: install it (on Debian, apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(width, height))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Tab{T: t, ctx: ctx, Wide: int64(width), Narrow: int64(width), Height: int64(height)}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	Call(b, network.Enable, network.EnableParams{})
	Call(b, log.Enable, cdp.Empty{})
	Call(b, runtime.Enable, cdp.Empty{})
	return b
}

// findChromium returns the path of a browser, or "".
func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return os.Getenv("CHROMIUM")
}

// Call runs a command of the protocol.
func Call[P, R any](b *Tab, command cdp.Command[P, R], params P) R {
	b.T.Helper()
	answer, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.T.Fatal(err)
	}
	return answer
}

func (b *Tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprint("console.", e.Type)) // the page says nothing there
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelVerbose && e.Entry.Level != log.EntryLevelInfo {
			b.errors = append(b.errors, fmt.Sprint(e.Entry.Level, " ", e.Entry.Text, " ", e.Entry.URL))
		}
	}
}

// Run takes actions.
func (b *Tab) Run(actions ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.T.Fatal(err)
	}
}

// Eval evaluates an expression in the page. A promise is awaited.
func Eval[T any](b *Tab, expression string) T {
	b.T.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.T.Fatalf("%s: %v", expression, err)
	}
	return value
}

// Want waits until an expression is true.
func (b *Tab) Want(expression string) {
	b.T.Helper()
	b.until(expression, func() bool { return Eval[bool](b, expression) })
}

// until waits for f to be true, for patience and at least 200 times.
func (b *Tab) until(what string, f func() bool) {
	b.T.Helper()
	deadline := time.Now().Add(patience)
	for tries := 0; !f(); tries++ {
		if tries > 200 && time.Now().After(deadline) {
			b.Shoot("failed")
			body := b.Text("body")
			b.mu.Lock()
			defer b.mu.Unlock()
			b.T.Fatalf("not in time: %s\n%s\n%v", what, body, b.errors)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Text returns the text of an element, of which there must be one.
func (b *Tab) Text(selector string) string {
	b.T.Helper()
	return Eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// WantText waits until the text of an element has a part.
func (b *Tab) WantText(selector, part string) {
	b.T.Helper()
	b.Want(fmt.Sprintf("document.querySelector(%q).textContent.includes(%q)", selector, part))
}

// Click clicks an element.
func (b *Tab) Click(selector string) {
	b.T.Helper()
	b.Run(chromedp.Click(chromedp.CSS(selector)))
}

// Press focuses an element and presses a key, as somebody does who has no mouse.
func (b *Tab) Press(selector, key string) {
	b.T.Helper()
	b.Run(chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(key))
}

// Requests returns what was fetched so far.
func (b *Tab) Requests() []*network.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// WantErrors waits for errors in the console, each with one of the parts. There must be no others
// since the last call.
func (b *Tab) WantErrors(parts ...string) {
	b.T.Helper()
	for _, part := range parts {
		b.until("an error with "+part, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			i := slices.IndexFunc(b.errors, func(e string) bool { return strings.Contains(e, part) })
			if i >= 0 {
				b.errors = slices.Delete(b.errors, i, i+1)
			}
			return i >= 0
		})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		b.T.Errorf("the console says: %s", e)
	}
	b.errors = nil
}

// Shoot takes pictures, if somebody wants to see them: light, dark and narrow.
func (b *Tab) Shoot(name string) {
	b.T.Helper()
	if *screenshots == "" {
		return
	}
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", b.Wide}, {"dark", "dark", b.Wide}, {"narrow", "light", b.Narrow}} {
		scheme := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: look.scheme}
		Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{scheme}})
		Call(b, emulation.SetDeviceMetricsOverride,
			emulation.SetDeviceMetricsOverrideParams{Width: look.width, Height: b.Height, DeviceScaleFactor: 1})
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.T.Fatal(err)
		}
		path := filepath.Join(*screenshots, name+"-"+look.name+".png")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			b.T.Fatal(err)
		}
	}
	Call(b, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
	Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}
