// Package browser tests the page of raftpage in headless Chromium.
package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestThePage is one visit: each step begins where the one before it has ended.
func TestThePage(t *testing.T) {
	address := startPage(t)
	v := &visit{tab: openTab(t, address), address: address}
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
		if !t.Run(step.name, func(t *testing.T) { v.t = t; step.do(t) }) {
			return
		}
		v.wantNoErrors()
	}
}

type visit struct {
	*tab
	address string
	saved   string // the script of the run
}

func count(selector string) string {
	return fmt.Sprintf("document.querySelectorAll(%q).length", selector)
}

// field evaluates something of the view.
func field[T any](v *visit, name string) T {
	v.t.Helper()
	return eval[T](v.tab, `JSON.parse(raftCore("view", "")).view.`+name)
}

// pick chooses an option, as somebody does with the mouse.
func (v *visit) pick(selector, value string) {
	v.t.Helper()
	v.want(count(fmt.Sprintf("%s option[value=%q]", selector, value)) + " === 1")
	eval[bool](v.tab, fmt.Sprintf(`(() => { const s = document.querySelector(%q); s.value = %q; s.dispatchEvent(new Event("change")); return true; })()`, selector, value))
}

func (v *visit) loads(*testing.T) {
	v.want(count(".node") + " === 5")
	v.wantText("#says", "There is no leader. A follower whose election timeout passes asks for votes.")
	v.wantText("#coach", "1 of 8. Press play.")
	v.want(count(".node .track") + " === 5") // the rings that the task speaks of
	v.want(`document.querySelector("#data").placeholder === "a"`)
	v.shoot("begin")
}

// teaches does what the tasks say, and nothing else: it elects a leader, writes, breaks the
// majority, writes again, and finds on the page why that write does not commit.
func (v *visit) teaches(t *testing.T) {
	v.pick("#speed", "60")
	v.click("#play")
	v.wantText("#coach", "2 of 8. S1 leads ★. Write something: press Propose.")
	v.want(count(".node.leader") + " === 1")
	v.wantText("#record", "S1 leads term 1")
	v.tap("#propose")
	v.wantText("#coach", "3 of 8. Break the majority: draw a line across the picture that cuts S1 and 1 more off from the rest.")
	v.drag(200, 60, 200, 125) // crosses the link to S5 only
	v.wantText("#coach", "S1 still reaches S1, S2, S3, S4, and 3 are a majority: cut more.")
	v.drag(180, 80, 565, 270)
	v.wantText("#coach", "4 of 8. Time stands still: S1 reaches 2 of 5, and a majority is 3. Press Propose there, then play.")
	v.wantText("#says", "But it reaches only S1 and S2: 2 of 5, needs 3. A new entry will not commit.")
	v.wantText("#latest", "is cut.")
	v.tap("#knows [data-key=word-matchIndex]")
	v.want(`document.querySelector("#meaning").matches(":popover-open")`)
	v.wantText("#meaning", "this member's log is equal to its own up to this entry")
	v.tap("#propose")
	v.click("#play")
	v.wantText("#coach", "5 of 8. Time stands still again. Why does the entry not commit?")
	v.wantText("#play", "play")
	v.wantText("#says", "Entry 5 (“b”, term 1) of S1 is not committed. It is on the disks of S1 and S2: 2 of 5, needs 3.")
	v.wantText("#says", "the link between S1 and S3 is cut")
	cells := eval[[]string](v.tab, `[...document.querySelectorAll("#logs tbody tr")].map(row => row.querySelectorAll("td")[3].textContent)`)
	if got := strings.Join(cells, "|"); got != "b 1|b 1|||" {
		t.Errorf("entry 5 stands in the logs as %q", got)
	}
	v.shoot("why")
	v.isDrawn(t)
	v.click("#next-task")
	for _, how := range []string{"ask a majority", "by lease", "ask nobody"} {
		v.tap(fmt.Sprintf("#panel [data-key=%q]", how))
	}
	v.click("#play")
	v.wantText("#coach", "7 of 8. ")
	v.wantText("#record", "S1 steps down: no majority has answered it for an election timeout (check-quorum)")
	v.wantText("#says", "has another entry 5. That one overwrites this one when it arrives.")
	v.wantText("#coach", "leads the others. Press Mend all links")
	v.tap(`#panel [data-key="Mend all links"]`)
	v.wantText("#coach", "8 of 8. Break a rule")
	v.click("#play")
	v.want(`JSON.parse(raftCore("view", "")).view.nodes.every(n => n.content === "a" && n.commit === 5)`)
	v.wantText("#record", "entry 5 (“b”, term 1) of S1 was overwritten by the entry 5 of term ")
}

// teachesOnDetours lets time pass where the tasks say otherwise, and breaks the majority by
// crashes.
func (v *visit) teachesOnDetours(*testing.T) {
	v.run(chromedp.Navigate(v.address))
	v.want(count(".node") + " === 5")
	v.pick("#speed", "60")
	v.click("#play")
	v.wantText("#coach", "2 of 8. ")
	v.tap("#propose")
	v.wantText("#coach", "3 of 8. ")
	v.drag(180, 80, 565, 270)
	v.wantText("#coach", "4 of 8. ")
	v.click("#play") // and proposes nothing
	v.wantText("#coach", "4 of 8. There is no leader now. Play on until there is one.")
	v.want(count(".node.leader") + " === 1")
	v.wantText("#coach", "3 of 8. Break the majority: draw a line")
	v.tap(`#panel [data-key="Mend all links"]`)
	v.beats(20)
	v.click("#play")
	for range 3 { // crashes a follower of the leader
		eval[bool](v.tab, `(document.querySelector(".node.follower").dispatchEvent(new Event("click")), true)`)
		v.tap(`#panel [data-key="Crash"]`)
	}
	v.wantText("#coach", "4 of 8. ")
	eval[bool](v.tab, `(document.querySelector(".node.leader").dispatchEvent(new Event("click")), true)`)
	v.tap("#propose")
	v.click("#play")
	v.wantText("#coach", "5 of 8. ")
	v.wantText("#says", "2 of 5, needs 3")
	v.wantText("#says", "is down")
	v.click("#next-task")
	v.tap(`#panel [data-key="ask nobody"]`)
	v.click("#play")
	v.wantText("#coach", "7 of 8. No majority is up. Choose S")
	eval[bool](v.tab, `(document.querySelector(".node.down").dispatchEvent(new Event("click")), true)`)
	v.tap(`#panel [data-key="Restart"]`)
	v.wantText("#coach", "8 of 8. ")
	v.click("#play")
}

// teachesWhoMendsEarly mends the links while the old leader still leads.
func (v *visit) teachesWhoMendsEarly(*testing.T) {
	v.run(chromedp.Navigate(v.address))
	v.want(count(".node") + " === 5")
	v.pick("#speed", "60")
	v.click("#play")
	v.wantText("#coach", "2 of 8. ")
	v.tap("#propose")
	v.wantText("#coach", "3 of 8. ")
	v.drag(180, 80, 565, 270)
	v.wantText("#coach", "4 of 8. ")
	v.tap("#propose")
	v.click("#play")
	v.wantText("#coach", "5 of 8. ")
	v.tap(`#panel [data-key="Mend all links"]`)
	v.wantText("#coach", "6 of 8. Read at S1")
	v.tap(`#panel [data-key="ask nobody"]`)
	v.wantText("#coach", "7 of 8. Every link is whole. Play")
	v.click("#play")
	v.wantText("#coach", "8 of 8. ")
	v.click("#play")
}

// staysInPlace: what is pressed again and again stays where it is, whatever happens to the node.
func (v *visit) staysInPlace(t *testing.T) {
	v.run(chromedp.Navigate(v.address))
	v.want(count(".node") + " === 5")
	places := func() string {
		return eval[string](v.tab, `JSON.stringify(["#play", "#step", "#beat", "#propose", ".change", "[data-key=link2]", "[data-key=link5]", "[data-key='Cut all of']",
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
	v.click("#play")
	v.wantText("#coach", "2 of 8. ")
	same("S1 leads, and time passes")
	v.tap("#propose")
	v.wantText("#coach", "3 of 8. ")
	v.click("#play")
	v.tap(`#panel [data-key=link5]`)
	same("a link is cut")
	v.tap(`#panel [data-key="Crash"]`)
	same("the node is down")
}

// tellsTermsApart: the colour of a term is neither that of another one nor that of something else.
func (v *visit) tellsTermsApart(t *testing.T) {
	alike := eval[[]string](v.tab, `(() => {
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
	call(v.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 1})
	v.run(chromedp.Navigate(v.address))
	v.want(count(".node") + " === 5")
	inView := func(selector string) {
		v.want(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; })()`, selector))
	}
	v.pick("#speed", "60")
	v.click("#play")
	v.wantText("#coach", "2 of 8. ")
	inView("#propose")
	inView("#play")
	v.tap("#propose")
	v.wantText("#coach", "3 of 8. ")
	inView("#stage")
	v.click("#play")
	call(v.tab, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
}

// isDrawn has raftscript draw the run so far: the picture says why the write does not commit, too.
func (v *visit) isDrawn(t *testing.T) {
	script, page := filepath.Join(t.TempDir(), "run.txt"), filepath.Join(t.TempDir(), "run.html")
	if err := os.WriteFile(script, []byte(eval[string](v.tab, `JSON.parse(raftCore("script", "")).script`)), 0o600); err != nil {
		t.Fatal(err)
	}
	show := exec.Command("go", "run", "./cmd/raftscript", "show", "-o", page, script)
	show.Dir = "../../.."
	if out, err := show.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	picture := openTab(t, "file://"+page)
	picture.run(chromedp.KeyEvent(kb.End))
	picture.wantText("#verdict", "Entry 5 (term 1) of node 1 is not committed. It is durable at node 1, node 2: 2 of 5 voters, 3 are a majority.")
	picture.shoot("why-picture")
	picture.wantNoErrors()
}

// commits begins anew, with a cluster that only passes beats when it is told to.
func (v *visit) commits(*testing.T) {
	v.click("#new-button")
	v.click("#new-form [type=submit]")
	v.beats(24)
	v.wantText("#now", "Tick 23.")
	v.run(chromedp.SendKeys(chromedp.CSS("#data"), "x=5"+kb.Enter))
	v.wantText("#hint", "type one word of at most 40 letters, such as x5")
	v.want(`document.querySelector("#data").value === "x=5" && document.querySelector("#error").hidden`)
	v.run(chromedp.SendKeys(chromedp.CSS("#data"), kb.Backspace+kb.Backspace+kb.Enter))
	v.wantText("#hint", "S1 has it, and handles it in the next tick.")
	v.click("#beat")
	v.want(`document.querySelector("#hint").textContent === "" && document.querySelector("#data").value === ""`)
	v.wantText("#says", "Entry 4 (“x”, term 1) of S1 is not committed. It is on the disks of S1: 1 of 5, needs 3.")
	v.want(`[...document.querySelectorAll(".message text")].filter(text => text.textContent === "A 4").length === 4`)
	v.shoot("travels")
	v.beats(4)
	v.want(`[...document.querySelectorAll("#logs tbody tr")].every(row => row.querySelectorAll("td")[2].textContent.startsWith("x 1●"))`)
}

// survives draws a line between S1 and S2 on one side, and the others.
func (v *visit) survives(*testing.T) {
	v.drag(180, 80, 565, 270)
	v.want(count(".link.cut") + " === 6")
	v.run(chromedp.SendKeys(chromedp.CSS("#data"), "y"+kb.Enter))
	v.beats(1)
	v.want(count(".message.lost") + " >= 3")
	v.beats(7)
	v.wantText("#says", "It is on the disks of S1 and S2: 2 of 5, needs 3")
	v.wantText("#says", "the link between S1 and S3 is cut")
	v.click(`#panel [data-key="ask a majority"]`)
	v.click(`#panel [data-key="by lease"]`)
	v.wantText("#reads", "refused: no lease")
	v.click(`#panel [data-key="ask nobody"]`)
	v.wantText("#notice", "S1 answers from index 4, which is the newest by chance")
	v.wantText("#says", "Read r1 at S1 waits for its index")
	v.shoot("partition")
	v.beats(40)
	v.want(count(".node.leader") + ` === 1 && Number(document.querySelector(".node.leader").dataset.id) > 2`)
	v.shoot("others")
	v.drag(565, 270, 180, 80)
	v.want(count(".link.cut") + " === 0")
	v.beats(20)
	v.want(`JSON.parse(raftCore("view", "")).view.nodes.every(n => n.content === "x" && n.commit === 5)`)
	v.want("document.querySelector('#broken').hidden")
}

// beats lets so many beats pass.
func (v *visit) beats(n int) {
	v.t.Helper()
	eval[bool](v.tab, fmt.Sprintf(`(() => { for (let i = 0; i < %d; i++) document.querySelector("#beat").click(); return true; })()`, n))
}

// tap presses the mouse on an element, waits until time has passed, and lets go. Meanwhile the page
// is drawn again.
func (v *visit) tap(selector string) {
	v.t.Helper()
	at := eval[[]float64](v.tab, fmt.Sprintf(
		`(() => { const e = document.querySelector(%q); e.scrollIntoView({ block: "center" }); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector))
	v.mouse(input.DispatchMouseEventTypeMousePressed, at)
	if from := field[int](v, "beat"); eval[bool](v.tab, `document.querySelector("#play").textContent.includes("pause")`) {
		v.want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.beat > %d`, from))
	}
	v.mouse(input.DispatchMouseEventTypeMouseReleased, at)
}

func (v *visit) mouse(typ input.DispatchMouseEventType, at []float64) {
	v.t.Helper()
	call(v.tab, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: typ, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1})
}

// drag draws a line on the stage, in its own units.
func (v *visit) drag(x1, y1, x2, y2 float64) {
	v.t.Helper()
	at := func(typ input.DispatchMouseEventType, x, y float64) {
		v.mouse(typ, eval[[]float64](v.tab, fmt.Sprintf(
			`(() => { const s = document.querySelector("#stage"), p = new DOMPoint(%g, %g).matrixTransform(s.getScreenCTM()); return [p.x, p.y]; })()`, x, y)))
	}
	eval[bool](v.tab, `(document.querySelector("#stage").scrollIntoView({ block: "center" }), true)`)
	for {
		at(input.DispatchMouseEventTypeMousePressed, x1, y1)
		at(input.DispatchMouseEventTypeMouseMoved, (x1+x2)/2, (y1+y2)/2)
		at(input.DispatchMouseEventTypeMouseMoved, x2, y2)
		draws := eval[bool](v.tab, `document.querySelector("#stage .pen") !== null`)
		at(input.DispatchMouseEventTypeMouseReleased, x2, y2)
		if draws {
			return
		}
		// A message was under the mouse when the button went down.
	}
}

func (v *visit) goesBack(*testing.T) {
	end := field[int](v, "at")
	before := eval[string](v.tab, `raftCore("view", "")`)
	v.click("#back")
	v.want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.at === %d`, end-1))
	v.click("#begin")
	v.wantText("#now", "Tick 0. You are in the past: what you do now replaces what follows.")
	v.click("#end")
	v.want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.at === %d && document.querySelector("#now").textContent.endsWith(".")`, end))
	if after := eval[string](v.tab, `raftCore("view", "")`); after != before {
		v.t.Errorf("it is\n%s\nand was\n%s", after, before)
	}
}

func (v *visit) saves(t *testing.T) {
	eval[bool](v.tab, `(() => { URL.createObjectURL = (blob) => { globalThis.savedBlob = blob; return "data:,"; }; return true; })()`)
	v.click("#save")
	v.saved = eval[string](v.tab, "savedBlob.text()")
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
	v.wantText("#comment", "Figure 3.7 of the thesis")
	v.click("#end")
	v.want(`document.querySelector("#broken").hidden && !document.querySelector("#output").textContent.includes("expects something else")`)
	v.shoot("story")
	file := filepath.Join(v.t.TempDir(), "run.txt")
	if err := os.WriteFile(file, []byte(v.saved), 0o600); err != nil {
		v.t.Fatal(err)
	}
	v.run(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	v.want(`JSON.parse(raftCore("view", "")).view.len > 300`)
	v.click("#end")
	if again := eval[string](v.tab, `JSON.parse(raftCore("script", "")).script`); again != v.saved {
		v.t.Errorf("opened and saved again, the run is\n%s\nand was\n%s", again, v.saved)
	}
}

func (v *visit) keys(*testing.T) {
	v.press(`.node[data-id="3"]`, kb.Enter)
	v.wantText("#panel-title", "S3")
	at := field[int](v, "at")
	v.press(`.node[data-id="3"]`, kb.ArrowRight)
	v.want(fmt.Sprintf(`JSON.parse(raftCore("view", "")).view.at === %d`, at+1))
	v.press(`#panel [data-key="link4"]`, kb.Enter)
	v.want(count(".link.cut") + ` === 1 && document.activeElement.dataset.key === "link4"`)
	v.press(`#panel [data-key="Crash"]`, kb.Enter)
	v.want(count(".node.down") + " === 1")
	v.shoot("crash")
}

// breaks plays a lesson without its rule until something is broken, and then with the rule.
func (v *visit) breaks(*testing.T) {
	v.pick("#rule", "own-term")
	v.wantText("#lacks", "A rule of Raft is missing here: a node commits entries of earlier terms by counting.")
	v.wantText("#comment", "What nodes with all rules do. Here a rule is missing")
	v.playLesson(`!document.querySelector("#broken").hidden`)
	v.wantText("#broken", "leader completeness: S5 leads term 4 without entry 4 of term 1, which was committed in term 3")
	v.shoot("broken")
	v.click("#with-rule")
	v.wantText("#lacks", "All rules hold here.")
	v.playLesson(`document.querySelector("#end").disabled`)
	v.want("document.querySelector('#broken').hidden")
	v.shoot("whole")
}

// playLesson plays on after each comment until a condition holds.
func (v *visit) playLesson(until string) {
	v.t.Helper()
	v.want("document.querySelector('#wait').hidden && !document.querySelector('#comment').hidden")
	v.want(`(() => { const play = document.querySelector("#play"); if (` + until + `) return true; if (play.textContent.includes("play")) play.click(); return false; })()`)
}

func (v *visit) fetches(*testing.T) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, url := range v.requests {
		if !strings.HasPrefix(url, v.address) && !strings.HasPrefix(url, "data:") {
			v.t.Errorf("the page fetches %s", url)
		}
	}
}
