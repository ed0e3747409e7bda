// Package browser tests the page of raftpage in headless Chromium.
package browser

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/ffd200af/raft/cmd/raftpage/browser/tab"
)

// TestThePage is one visit: each step begins where the one before it has ended.
func TestThePage(t *testing.T) {
	address := startPage(t)
	v := &visit{Tab: openTab(t, address), address: address}
	for _, step := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"loads", v.loads},
		{"leads a newcomer to a write that does not commit", v.teaches},
		{"leads a newcomer who goes another way", v.teachesOnDetours},
		{"goes on when the links are mended early", v.teachesWhoMendsEarly},
		{"shows on a phone what a task is about", v.teachesOnAPhone},
		{"keeps buttons in their place", v.staysInPlace},
		{"tells terms apart", v.tellsTermsApart},
		{"commits a proposal", v.commits},
		{"survives a partition that was drawn", v.survives},
		{"goes back and forth", v.goesBack},
		{"saves a script that replays", v.saves},
		{"opens a script", v.opens},
		{"works without a mouse", v.keys},
		{"shows what a rule is for", v.breaks},
		{"fetches nothing from elsewhere", v.fetches},
	} {
		if !t.Run(step.name, func(t *testing.T) { v.T = t; step.do(t) }) {
			return
		}
		v.WantErrors()
	}
}

type visit struct {
	*tab.Tab
	address string
	saved   string // the script of the run
}

func count(selector string) string {
	return fmt.Sprintf("document.querySelectorAll(%q).length", selector)
}

// field evaluates something of the view.
func field[T any](v *visit, name string) T {
	v.T.Helper()
	return tab.Eval[T](v.Tab, `JSON.parse(raftCore("view", "")).view.`+name)
}

// pick chooses an option, as somebody does with the mouse.
func (v *visit) pick(selector, value string) {
	v.T.Helper()
	v.Want(count(fmt.Sprintf("%s option[value=%q]", selector, value)) + " === 1")
	tab.Eval[bool](v.Tab, fmt.Sprintf(`(() => { const s = document.querySelector(%q); s.value = %q; s.dispatchEvent(new Event("change")); return true; })()`, selector, value))
}

func (v *visit) loads(*testing.T) {
	v.Want(count(".node") + " === 5")
	v.WantText("#says", "There is no leader. A follower whose election timeout passes asks for votes.")
	v.WantText("#coach", "1 of 8. Press play.")
	v.Want(count(".node .track") + " === 5") // the rings that the task speaks of
	v.Want(`document.querySelector("#data").placeholder === "a"`)
	v.Shoot("begin")
}

// teaches does what the tasks say, and nothing else: it elects a leader, writes, breaks the
// majority, writes again, and finds on the page why that write does not commit.
func (v *visit) teaches(t *testing.T) {
	v.pick("#speed", "60")
	v.Click("#play")
	v.WantText("#coach", "2 of 8. S1 leads ★. Write something: press Propose.")
	v.Want(count(".node.leader") + " === 1")
	v.WantText("#record", "S1 leads term 1")
	v.tap("#propose")
	v.WantText("#coach", "3 of 8. Break the majority: draw a line across the picture that cuts S1 and 1 more off from the rest.")
	v.drag(200, 60, 200, 125) // crosses the link to S5 only
	v.WantText("#coach", "S1 still reaches S1, S2, S3, S4, and 3 are a majority: cut more.")
	v.drag(180, 80, 565, 270)
	v.WantText("#coach", "4 of 8. Time stands still: S1 reaches 2 of 5, and a majority is 3. Press Propose there, then play.")
	v.WantText("#says", "But it reaches only S1 and S2: 2 of 5, needs 3. A new entry will not commit.")
	v.WantText("#latest", "is cut.")
	v.tap("#knows [data-key=word-matchIndex]")
	v.Want(`document.querySelector("#meaning").matches(":popover-open")`)
	v.WantText("#meaning", "this member's log is equal to its own up to this entry")
	v.tap("#propose")
	v.Click("#play")
	v.WantText("#coach", "5 of 8. Time stands still again. Why does the entry not commit?")
	v.WantText("#play", "play")
	v.WantText("#says", "Entry 5 (“b”, term 1) of S1 is not committed. It is on the disks of S1 and S2: 2 of 5, needs 3.")
	v.WantText("#says", "the link between S1 and S3 is cut")
	cells := tab.Eval[[]string](v.Tab, `[...document.querySelectorAll("#logs tbody tr")].map(row => row.querySelectorAll("td")[3].textContent)`)
	if got := strings.Join(cells, "|"); got != "b 1|b 1|||" {
		t.Errorf("entry 5 stands in the logs as %q", got)
	}
	v.Shoot("why")
	v.isDrawn(t)
	v.Click("#next-task")
	for _, how := range []string{"ask a majority", "by lease", "ask nobody"} {
		v.tap(fmt.Sprintf("#panel [data-key=%q]", how))
	}
	v.Click("#play")
	v.WantText("#coach", "7 of 8. ")
	v.WantText("#record", "S1 steps down: no majority has answered it for an election timeout (check-quorum)")
	v.WantText("#says", "has another entry 5. That one overwrites this one when it arrives.")
	v.WantText("#coach", "leads the others. Press Mend all links")
	v.tap(`#panel [data-key="Mend all links"]`)
	v.WantText("#coach", "8 of 8. Break a rule")
	v.Click("#play")
	v.Want(`JSON.parse(raftCore("view", "")).view.nodes.every(n => n.content === "a" && n.commit === 5)`)
	v.WantText("#record", "entry 5 (“b”, term 1) of S1 was overwritten by the entry 5 of term ")
}

// breaksTheMajority does the tasks up to the line that cuts the leader off.
func (v *visit) breaksTheMajority() {
	v.Run(chromedp.Navigate(v.address))
	v.Want(count(".node") + " === 5")
	v.pick("#speed", "60")
	v.Click("#play")
	v.WantText("#coach", "2 of 8. ")
	v.tap("#propose")
	v.WantText("#coach", "3 of 8. ")
	v.drag(180, 80, 565, 270)
	v.WantText("#coach", "4 of 8. ")
}

// teachesOnDetours lets time pass where the tasks say otherwise, and breaks the majority by
// crashes.
func (v *visit) teachesOnDetours(*testing.T) {
	v.breaksTheMajority()
	v.Click("#play") // and proposes nothing
	v.WantText("#coach", "4 of 8. There is no leader now. Play on until there is one.")
	v.Want(count(".node.leader") + " === 1")
	v.WantText("#coach", "3 of 8. Break the majority: draw a line")
	v.tap(`#panel [data-key="Mend all links"]`)
	v.beats(20)
	v.Click("#play")
	for range 3 { // crashes a follower of the leader
		tab.Eval[bool](v.Tab, `(document.querySelector(".node.follower").dispatchEvent(new Event("click")), true)`)
		v.tap(`#panel [data-key="Crash"]`)
	}
	v.WantText("#coach", "4 of 8. ")
	tab.Eval[bool](v.Tab, `(document.querySelector(".node.leader").dispatchEvent(new Event("click")), true)`)
	v.tap("#propose")
	v.Click("#play")
	v.WantText("#coach", "5 of 8. ")
	v.WantText("#says", "2 of 5, needs 3")
	v.WantText("#says", "is down")
	v.Click("#next-task")
	v.tap(`#panel [data-key="ask nobody"]`)
	v.Click("#play")
	v.WantText("#coach", "7 of 8. No majority is up. Choose S")
	tab.Eval[bool](v.Tab, `(document.querySelector(".node.down").dispatchEvent(new Event("click")), true)`)
	v.tap(`#panel [data-key="Restart"]`)
	v.WantText("#coach", "8 of 8. ")
	v.Click("#play")
}

// teachesWhoMendsEarly mends the links while the old leader still leads.
func (v *visit) teachesWhoMendsEarly(*testing.T) {
	v.breaksTheMajority()
	v.tap("#propose")
	v.Click("#play")
	v.WantText("#coach", "5 of 8. ")
	v.tap(`#panel [data-key="Mend all links"]`)
	v.WantText("#coach", "6 of 8. Read at S1")
	v.tap(`#panel [data-key="ask nobody"]`)
	v.WantText("#coach", "7 of 8. Every link is whole. Play")
	v.Click("#play")
	v.WantText("#coach", "8 of 8. ")
	v.Click("#play")
}

// staysInPlace: what is pressed again and again stays where it is, whatever happens to the node.
func (v *visit) staysInPlace(t *testing.T) {
	v.Run(chromedp.Navigate(v.address))
	v.Want(count(".node") + " === 5")
	places := func() string {
		return tab.Eval[string](v.Tab, `JSON.stringify(["#play", "#step", "#beat", "#propose", ".change", "[data-key=link2]", "[data-key=link5]", "[data-key='Cut all of']",
			"[data-key='Mend all links']", "#says-box", "#logs-box"].map(s => { const r = document.querySelector(s).getBoundingClientRect(); return [s, r.x + scrollX, r.y + scrollY]; }), null, " ")`)
	}
	began := places()
	same := func(when string) {
		t.Helper()
		if now := places(); now != began {
			t.Errorf("%s: buttons have moved\nfrom %s\nto %s", when, began, now)
		}
	}
	v.pick("#speed", "60")
	v.Click("#play")
	v.WantText("#coach", "2 of 8. ")
	same("S1 leads, and time passes")
	v.tap("#propose")
	v.WantText("#coach", "3 of 8. ")
	v.Click("#play")
	v.tap(`#panel [data-key=link5]`)
	same("a link is cut")
	v.tap(`#panel [data-key="Crash"]`)
	same("the node is down")
}

// tellsTermsApart: the colour of a term is neither that of another one nor that of something else.
func (v *visit) tellsTermsApart(t *testing.T) {
	alike := tab.Eval[[]string](v.Tab, `(() => {
		const of = (name, add) => { const e = document.createElement("i"); e.className = add; document.body.append(e);
			const c = getComputedStyle(e).getPropertyValue(name).trim(); e.remove(); return c; };
		const terms = [...Array(7).keys()].map(i => of("--fill", "term" + i)), others = ["--page", "--card", "--line", "--wire"].map(n => of(n, ""));
		const parts = c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16));
		const far = (a, b) => Math.hypot(...parts(a).map((x, i) => x - parts(b)[i]));
		return terms.flatMap((a, i) => terms.slice(0, i).concat(others).filter(b => !(far(a, b) > 30)).map(b => a + " " + b));
	})()`)
	if len(alike) > 0 {
		t.Errorf("colours look alike: %q", alike)
	}
}

func (v *visit) teachesOnAPhone(*testing.T) {
	tab.Call(v.Tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 1})
	v.Run(chromedp.Navigate(v.address))
	v.Want(count(".node") + " === 5")
	inView := func(selector string) {
		v.Want(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; })()`, selector))
	}
	v.pick("#speed", "60")
	v.Click("#play")
	v.WantText("#coach", "2 of 8. ")
	inView("#propose")
	inView("#play")
	v.tap("#propose")
	v.WantText("#coach", "3 of 8. ")
	inView("#stage")
	v.Click("#play")
	tab.Call(v.Tab, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
}

// isDrawn has raftscript draw the run so far: the picture says why the write does not commit, too.
func (v *visit) isDrawn(t *testing.T) {
	script, page := filepath.Join(t.TempDir(), "run.txt"), filepath.Join(t.TempDir(), "run.html")
	if err := os.WriteFile(script, []byte(tab.Eval[string](v.Tab, `JSON.parse(raftCore("script", "")).script`)), 0o600); err != nil {
		t.Fatal(err)
	}
	show := exec.Command("go", "run", "./cmd/raftscript", "show", "-o", page, script)
	show.Dir = "../../.."
	if out, err := show.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	picture := openTab(t, "file://"+page)
	picture.Run(chromedp.KeyEvent(kb.End))
	picture.WantText("#verdict", "Entry 5 (term 1) of node 1 is not committed. It is durable at node 1, node 2: 2 of 5 voters, 3 are a majority.")
	picture.Shoot("why-picture")
	picture.WantErrors()
}

// commits begins anew, with a cluster that only passes beats when it is told to.
func (v *visit) commits(*testing.T) {
	v.Click("#new-button")
	v.Click("#new-form [type=submit]")
	v.beats(24)
	v.WantText("#now", "Tick 23.")
	v.Run(chromedp.SendKeys(chromedp.CSS("#data"), "x=5"+kb.Enter))
	v.WantText("#hint", "type one word of at most 40 letters, such as x5")
	v.Want(`document.querySelector("#data").value === "x=5" && document.querySelector("#error").hidden`)
	v.Run(chromedp.SendKeys(chromedp.CSS("#data"), kb.Backspace+kb.Backspace+kb.Enter))
	v.WantText("#hint", "S1 has it, and handles it in the next tick.")
	v.Click("#beat")
	v.Want(`document.querySelector("#hint").textContent === "" && document.querySelector("#data").value === ""`)
	v.WantText("#says", "Entry 4 (“x”, term 1) of S1 is not committed. It is on the disks of S1: 1 of 5, needs 3.")
	v.Want(`[...document.querySelectorAll(".message text")].filter(text => text.textContent === "A 4").length === 4`)
	v.Shoot("travels")
	v.beats(4)
	v.Want(`[...document.querySelectorAll("#logs tbody tr")].every(row => row.querySelectorAll("td")[2].textContent.startsWith("x 1●"))`)
}

// survives draws a line between S1 and S2 on one side, and the others.
func (v *visit) survives(*testing.T) {
	v.drag(180, 80, 565, 270)
	v.Want(count(".link.cut") + " === 6")
	v.Run(chromedp.SendKeys(chromedp.CSS("#data"), "y"+kb.Enter))
	v.beats(1)
	v.Want(count(".message.lost") + " >= 3")
	v.beats(7)
	v.WantText("#says", "It is on the disks of S1 and S2: 2 of 5, needs 3")
	v.WantText("#says", "the link between S1 and S3 is cut")
	v.Click(`#panel [data-key="ask a majority"]`)
	v.Click(`#panel [data-key="by lease"]`)
	v.WantText("#reads", "refused: no lease")
	v.Click(`#panel [data-key="ask nobody"]`)
	v.WantText("#notice", "S1 answers from index 4, which is the newest by chance")
	v.WantText("#says", "Read r1 at S1 waits for its index")
	v.Shoot("partition")
	v.beats(40)
	v.Want(count(".node.leader") + ` === 1 && Number(document.querySelector(".node.leader").dataset.id) > 2`)
	v.Shoot("others")
	v.drag(565, 270, 180, 80)
	v.Want(count(".link.cut") + " === 0")
	v.beats(20)
	v.Want(`JSON.parse(raftCore("view", "")).view.nodes.every(n => n.content === "x" && n.commit === 5)`)
	v.Want("document.querySelector('#broken').hidden")
}

// beats lets so many beats pass.
func (v *visit) beats(n int) {
	v.T.Helper()
	tab.Eval[bool](v.Tab, fmt.Sprintf(`(() => { for (let i = 0; i < %d; i++) document.querySelector("#beat").click(); return true; })()`, n))
}

// tap presses the mouse on an element, waits until time has passed, and lets go. Meanwhile the page
// is drawn again.
func (v *visit) tap(selector string) {
	v.T.Helper()
	at := tab.Eval[[]float64](v.Tab, fmt.Sprintf(
		`(() => { const e = document.querySelector(%q); e.scrollIntoView({ block: "center" }); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector))
	v.mouse(input.DispatchMouseEventTypeMousePressed, at)
	if from := field[int](v, "beat"); tab.Eval[bool](v.Tab, `document.querySelector("#play").textContent.includes("pause")`) {
		v.Want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.beat > %d`, from))
	}
	v.mouse(input.DispatchMouseEventTypeMouseReleased, at)
}

func (v *visit) mouse(typ input.DispatchMouseEventType, at []float64) {
	v.T.Helper()
	tab.Call(v.Tab, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: typ, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1})
}

// drag draws a line on the stage, in its own units.
func (v *visit) drag(x1, y1, x2, y2 float64) {
	v.T.Helper()
	at := func(typ input.DispatchMouseEventType, x, y float64) {
		v.mouse(typ, tab.Eval[[]float64](v.Tab, fmt.Sprintf(
			`(() => { const s = document.querySelector("#stage"), p = new DOMPoint(%g, %g).matrixTransform(s.getScreenCTM()); return [p.x, p.y]; })()`, x, y)))
	}
	tab.Eval[bool](v.Tab, `(document.querySelector("#stage").scrollIntoView({ block: "center" }), true)`)
	for {
		at(input.DispatchMouseEventTypeMousePressed, x1, y1)
		at(input.DispatchMouseEventTypeMouseMoved, (x1+x2)/2, (y1+y2)/2)
		at(input.DispatchMouseEventTypeMouseMoved, x2, y2)
		draws := tab.Eval[bool](v.Tab, `document.querySelector("#stage .pen") !== null`)
		at(input.DispatchMouseEventTypeMouseReleased, x2, y2)
		if draws {
			return
		}
		// A message was under the mouse when the button went down.
	}
}

func (v *visit) goesBack(*testing.T) {
	end := field[int](v, "at")
	before := tab.Eval[string](v.Tab, `raftCore("view", "")`)
	v.Click("#back")
	v.Want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.at === %d`, end-1))
	v.Click("#begin")
	v.WantText("#now", "Tick 0. You are in the past: what you do now replaces what follows.")
	v.Click("#end")
	v.Want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.at === %d && document.querySelector("#now").textContent.endsWith(".")`, end))
	if after := tab.Eval[string](v.Tab, `raftCore("view", "")`); after != before {
		v.T.Errorf("it is\n%s\nand was\n%s", after, before)
	}
}

func (v *visit) saves(t *testing.T) {
	tab.Eval[bool](v.Tab, `(() => { URL.createObjectURL = (blob) => { globalThis.savedBlob = blob; return "data:,"; }; return true; })()`)
	v.Click("#save")
	v.saved = tab.Eval[string](v.Tab, "savedBlob.text()")
	file := filepath.Join(t.TempDir(), "run.txt")
	if err := os.WriteFile(file, []byte(v.saved), 0o600); err != nil {
		t.Fatal(err)
	}
	replay := exec.Command("go", "run", "./cmd/raftscript", file)
	replay.Dir = "../../.."
	out, err := replay.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "as expected") {
		t.Errorf("%v\n%s", err, out)
	}
}

func (v *visit) opens(*testing.T) {
	v.pick("#story", "commit_rule_figure_3_7.txt")
	v.WantText("#comment", "Figure 3.7 of the thesis")
	v.Click("#end")
	v.Want(`document.querySelector("#broken").hidden && !document.querySelector("#output").textContent.includes("expects something else")`)
	v.Shoot("story")
	file := filepath.Join(v.T.TempDir(), "run.txt")
	if err := os.WriteFile(file, []byte(v.saved), 0o600); err != nil {
		v.T.Fatal(err)
	}
	v.Run(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	v.Want(`JSON.parse(raftCore("view", "")).view.len > 300`)
	v.Click("#end")
	if again := tab.Eval[string](v.Tab, `JSON.parse(raftCore("script", "")).script`); again != v.saved {
		v.T.Errorf("opened and saved again, the run is\n%s\nand was\n%s", again, v.saved)
	}
}

func (v *visit) keys(*testing.T) {
	v.Press(`.node[data-id="3"]`, kb.Enter)
	v.WantText("#panel-title", "S3")
	at := field[int](v, "at")
	v.Press(`.node[data-id="3"]`, kb.ArrowRight)
	v.Want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.at === %d`, at+1))
	v.Press(`#panel [data-key="link4"]`, kb.Enter)
	v.Want(count(".link.cut") + ` === 1 && document.activeElement.dataset.key === "link4"`)
	v.Press(`#panel [data-key="Crash"]`, kb.Enter)
	v.Want(count(".node.down") + " === 1")
	v.Shoot("crash")
}

// breaks plays a lesson without its rule until something is broken, and then with the rule.
func (v *visit) breaks(*testing.T) {
	v.pick("#rule", "own-term")
	v.WantText("#lacks", "A rule of Raft is missing here: a node commits entries of earlier terms by counting.")
	v.WantText("#comment", "What nodes with all rules do. Here a rule is missing")
	v.playLesson(`!document.querySelector("#broken").hidden`)
	v.WantText("#broken", "leader completeness: S5 leads term 4 without entry 4 of term 1, which was committed in term 3")
	v.Shoot("broken")
	v.Click("#with-rule")
	v.WantText("#lacks", "All rules hold here.")
	v.playLesson(`document.querySelector("#end").disabled`)
	v.Want("document.querySelector('#broken').hidden")
	v.Shoot("whole")
}

// playLesson plays on after each comment until a condition holds.
func (v *visit) playLesson(until string) {
	v.T.Helper()
	v.Want("document.querySelector('#wait').hidden && !document.querySelector('#comment').hidden")
	v.Want(`(() => { const play = document.querySelector("#play"); if (` + until + `) return true; if (play.textContent.includes("play")) play.click(); return false; })()`)
}

func (v *visit) fetches(*testing.T) {
	for _, r := range v.Requests() {
		url := r.URL
		if !strings.HasPrefix(url, v.address) && !strings.HasPrefix(url, "data:") {
			v.T.Errorf("the page fetches %s", url)
		}
	}
}

// startPage runs raftpage and returns the address of the page.
func startPage(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "raftpage")
	build := exec.Command("go", "build", "-o", binary, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := exec.Command(binary, "-listen", "127.0.0.1:0")
	server.Stderr = t.Output()
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // it removes what it has compiled
		_ = server.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "the page is at "); ok {
			return address
		}
	}
	t.Fatal("raftpage has ended without an address")
	return ""
}

// openTab opens a page in a tab.
func openTab(t *testing.T, address string) *tab.Tab {
	t.Helper()
	b := tab.Open(t, 1280, 1000)
	b.Wide, b.Narrow = 1400, 1000
	b.Run(chromedp.Navigate(address))
	return b
}
