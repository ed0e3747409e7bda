package browser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

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

// tab is a tab of a headless browser, and what happened in it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []*network.Request
	errors   []string // of scripts, and of the console
}

func openTab(t *testing.T) *tab {
	t.Helper()
	path := findChromium()
	switch {
	case path == "" && *requireBrowser:
		t.Fatal("there is no Chromium: install it (on Debian, apt-get install chromium)")
	case path == "":
		t.Skip("there is no Chromium, so the page is not tested: install it (on Debian, apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1100, 1000))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

// call runs a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	answer, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

func (b *tab) hear(event any) {
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

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval evaluates an expression in the page. A promise is awaited.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// want waits until an expression is true.
func (b *tab) want(expression string) {
	b.t.Helper()
	until(b.t, expression, func() bool { return eval[bool](b, expression) })
}

// text returns the text of an element, of which there must be one.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// wantText waits until the text of an element has a part.
func (b *tab) wantText(selector, part string) {
	b.t.Helper()
	defer func() {
		if b.t.Failed() {
			b.t.Logf("the text of %s is %q", selector, b.text(selector))
		}
	}()
	until(b.t, fmt.Sprintf("%s has %q", selector, part), func() bool { return strings.Contains(b.text(selector), part) })
}

// press focuses an element and presses a key, as somebody does who has no mouse.
func (b *tab) press(selector, key string) {
	b.t.Helper()
	b.run(chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(key))
}

// sent lists the requests so far whose path begins with prefix.
func (b *tab) sent(method, prefix string) (found []*network.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		if u, err := url.Parse(r.URL); err == nil && r.Method == method && strings.HasPrefix(u.Path, prefix) {
			found = append(found, r)
		}
	}
	return found
}

// wantOnlyFrom checks where all that was fetched has come from.
func (b *tab) wantOnlyFrom(origin string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		if !strings.HasPrefix(r.URL, origin+"/") && r.URL != "data:," {
			b.t.Errorf("the page fetches %s", r.URL)
		}
	}
}

// wantErrors waits for errors in the console, each with one of the parts. There must be no others
// since the last call.
func (b *tab) wantErrors(parts ...string) {
	b.t.Helper()
	for _, part := range parts {
		until(b.t, "an error with "+part, func() bool {
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
		b.t.Errorf("the console says: %s", e)
	}
	b.errors = nil
}

// shoot takes pictures, if somebody wants to see them: light, dark and narrow.
func (b *tab) shoot(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", 1100}, {"dark", "dark", 1100}, {"narrow", "light", 380}} {
		scheme := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: look.scheme}
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{scheme}})
		call(b, emulation.SetDeviceMetricsOverride,
			emulation.SetDeviceMetricsOverrideParams{Width: look.width, Height: 900, DeviceScaleFactor: 1})
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		path := filepath.Join(*screenshots, name+"-"+look.name+".png")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	call(b, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}

// quote makes a text a literal of JavaScript.
func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(b)
}
