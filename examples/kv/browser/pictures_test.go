package browser

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ffd200af/raft/rafttest/picture"
)

const root = "../../.." // of the library

// draw has raftscript draw a page, and returns the address of the page.
func draw(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	cmd := exec.Command("go", append([]string{"run", "./cmd/raftscript", "show", "-o", path}, args...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return "file://" + path
}

const (
	rows    = `document.querySelectorAll("#rows > g").length`
	arrows  = `document.querySelectorAll("#arrows > g").length`
	visible = `(() => { // the row of the step is drawn, and within what is visible
		const row = document.querySelector("#row-" + (step + 1))?.getBoundingClientRect(), box = document.querySelector("#scroll").getBoundingClientRect();
		return row !== undefined && row.top >= box.top && row.bottom <= box.bottom;
	})()`
)

// TestAPictureOfAScript is one visit of a page, with the keyboard.
func TestAPictureOfAScript(t *testing.T) {
	b := openTab(t)
	page := draw(t, "testdata/commit_rule_figure_3_7.txt")
	b.run(chromedp.Navigate(page))
	b.wantText("h1", "Figure 3.7")
	b.wantText("#about", "why copies of an old entry do not commit it")
	b.want(`data.lanes.length === 5 && document.querySelectorAll("#names text").length === 5`)
	b.want(`location.hash === "" && step === 0`)
	b.shoot("picture")

	// From step to step, and from command to command.
	for _, key := range []string{"j", kb.ArrowDown, "j", "k"} {
		b.run(chromedp.KeyEvent(key))
	}
	b.want(`location.hash === "#step-3" && document.querySelector("#where").value.startsWith("step 3 of ")`)
	b.run(chromedp.KeyEvent("n"))
	b.want(`data.rows[step].b === data.rows[2].b + 1 && data.rows[step - 1].b === data.rows[2].b`)
	b.run(chromedp.KeyEvent(kb.End))
	b.want(`step === data.rows.length - 1 && ` + visible)
	b.want(`document.querySelectorAll("#state tbody tr").length === 5`)
	// A step comes into view from the side, too.
	b.want(`(() => {
		const box = document.querySelector("#scroll"), seen = id => { const l = data.lanes.find(l => l.id === id); return l.x > box.scrollLeft && l.x + 50 < box.scrollLeft + box.clientWidth; };
		return box.clientWidth < data.width && [1, 5, 2].every(id => { go(data.rows.findIndex(row => row.n === id)); return seen(id); });
	})()`)

	// A link leads to its step, and the state is that after the step: the leader of term 4 has
	// entry 4.
	b.run(chromedp.Navigate("about:blank"))
	b.run(chromedp.Navigate(page + "#step-31"))
	b.want("step === 30 && " + visible)
	leader := `[...document.querySelectorAll("#state tr")].find(row => row.textContent.includes("leader, term 4"))`
	// Back and forth, the state is the same as from the beginning.
	b.want(`(() => {
		const text = i => JSON.stringify([...states(i)]);
		const forth = data.rows.map((_, i) => text(i)), back = data.rows.map((_, i) => text(data.rows.length - 1 - i)).reverse();
		return forth.every((words, i) => words === back[i]);
	})()`)
	b.want(leader + `.querySelectorAll("td.entry.t4").length === 1 && ` + leader + `.querySelectorAll("td.entry.committed").length === 0`)
	b.wantText("#verdict", "Entry 3 (term 2) of node 1 is not committed.")
	b.shoot("picture-step")
	b.run(chromedp.Click(chromedp.CSS("#row-29 a")))
	b.want(`step === 28 && location.hash === "#step-29"`)

	// Paper gets all of it.
	eval[any](b, `dispatchEvent(new Event("beforeprint")); null`)
	b.want(`(() => {
		const pieces = [...document.querySelectorAll("#pages svg")];
		return pieces.length >= 2 && pieces.every(piece => piece.querySelectorAll(".lane-name").length === 5) &&
			document.querySelectorAll("#pages g[id^=row-]").length === data.rows.length &&
			pieces.reduce((sum, piece) => sum + piece.viewBox.baseVal.height - 26, 0) === tops.at(-1);
	})()`)
	eval[any](b, `dispatchEvent(new Event("afterprint")); null`)
	b.want(rows + ` > 0 && document.querySelectorAll("#pages svg").length === 0`)
	b.wantErrors()
	for _, r := range b.requests {
		if !strings.HasPrefix(r.URL, page) && r.URL != "about:blank" && r.URL != "data:," {
			t.Errorf("the page fetches %s", r.URL)
		}
	}
}

func TestAPictureIsFilteredByNodeAndType(t *testing.T) {
	b := openTab(t)
	b.run(chromedp.Navigate(draw(t, "testdata/election.txt")))
	all := eval[int](b, "shown.length")
	b.run(chromedp.Click(chromedp.CSS("#nodes input[value='1']")))
	b.want(fmt.Sprintf("shown.length < %d && shown.length > 0 && shown.every(i => data.rows[i].n !== 1)", all))
	b.run(chromedp.Click(chromedp.CSS("#nodes input[value='1']")))
	b.want(fmt.Sprintf("shown.length === %d", all))
	b.want(`data.arrows.filter(a => a.m === "Vote").length >= 2`)
	eval[any](b, `document.querySelector("#type").value = "Vote"; document.querySelector("#type").dispatchEvent(new Event("change", {bubbles: true})); null`)
	b.want(`shown.every(i => data.rows[i].n === 0 || data.rows[i].t.includes("Vote"))`)
	b.want(arrows + ` === data.arrows.filter(a => a.m === "Vote").length && [...document.querySelectorAll("#arrows > g")].every(a => a.classList.contains("vote"))`)
	// The next step is the next one that is shown.
	b.run(chromedp.KeyEvent(kb.Home), chromedp.KeyEvent("j"))
	b.want("step === shown[1] && " + visible)
	b.wantErrors()
}

// TestAPictureIsFilteredByGroup: each group has its nodes, its steps, and addresses of its own.
func TestAPictureIsFilteredByGroup(t *testing.T) {
	rec := picture.NewRecorder()
	for _, group := range []uint64{7, 9, 7} {
		rec.Group(group)
		rec.Event(group-6, picture.Input, fmt.Sprint("of group ", group))
		rec.Status(group-6, picture.Status{Role: picture.Follower, Term: group})
	}
	path := filepath.Join(t.TempDir(), "groups.html")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(rec.Picture().WriteHTML(file), file.Close()); err != nil {
		t.Fatal(err)
	}
	b := openTab(t)
	b.run(chromedp.Navigate("file://" + path))
	b.want(`data.group === 7 && data.lanes.map(l => l.id).join() === "1" && data.rows.length === 2 && !document.querySelector("#group-label").hidden`)
	eval[any](b, `document.querySelector("#group").value = "9"; document.querySelector("#group").dispatchEvent(new Event("change", {bubbles: true})); null`)
	b.want(`data.group === 9 && data.lanes.map(l => l.id).join() === "3" && data.rows.length === 1 && location.hash === "#group-9-step-1"`)
	b.wantText("#rows", "of group 9")
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate("file://"+path+"#group-7-step-2"))
	b.want(`data.group === 7 && step === 1`)
	b.wantErrors()
}

// TestALongRunDrawsWhatIsVisible: the page of 10,000 events has few elements, wherever it is.
func TestALongRunDrawsWhatIsVisible(t *testing.T) {
	const most = 5000
	b := openTab(t)
	b.run(chromedp.Navigate(draw(t, "-seed", "3", "-nodes", "5", "-events", "12000")))
	elements := `document.querySelectorAll("*").length`
	b.want(fmt.Sprintf("data.rows.length >= 10000 && %s < %d", elements, most))
	t.Logf("%d steps, %d elements", eval[int](b, "data.rows.length"), eval[int](b, elements))
	for _, share := range []float64{0.3, 0.7, 1} {
		eval[any](b, fmt.Sprintf(`(() => { const box = document.querySelector("#scroll"); box.scrollTop = box.scrollHeight * %g; })()`, share))
		b.want(fmt.Sprintf("%s > 20 && %s < %d", rows, elements, most))
		// What is in the middle of the window is drawn.
		b.want(`(() => {
			const box = document.querySelector("#scroll").getBoundingClientRect(), middle = box.top + box.height / 3;
			return [...document.querySelectorAll("#rows > g")].some(row => Math.abs(row.getBoundingClientRect().top - middle) < 60);
		})()`)
	}
	eval[any](b, "go(0); null")
	b.run(chromedp.KeyEvent("n"))
	b.want("data.blocks.length === 1 && step === 10")
	took := eval[float64](b, `(() => { go(0); const from = performance.now(); for (let i = 0; i < 200; i++) move(1); return (performance.now() - from) / 200; })()`)
	t.Logf("a step takes %.1f ms", took)
	b.shoot("picture-long")
	b.wantErrors()
}
