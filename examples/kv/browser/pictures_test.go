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
	"github.com/ffd200af/raft/cmd/raftpage/browser/tab"
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
	b.Run(chromedp.Navigate(page))
	b.WantText("h1", "Figure 3.7")
	b.WantText("#about", "why copies of an old entry do not commit it")
	b.Want(`data.lanes.length === 5 && document.querySelectorAll("#names text").length === 5`)
	b.Want(`location.hash === "" && step === 0`)
	b.Shoot("picture")

	// From step to step, and from command to command.
	for _, key := range []string{"j", kb.ArrowDown, "j", "k"} {
		b.Run(chromedp.KeyEvent(key))
	}
	b.Want(`location.hash === "#step-3" && document.querySelector("#where").value.startsWith("step 3 of ")`)
	b.Run(chromedp.KeyEvent("n"))
	b.Want(`data.rows[step].b === data.rows[2].b + 1 && data.rows[step - 1].b === data.rows[2].b`)
	b.Run(chromedp.KeyEvent(kb.End))
	b.Want(`step === data.rows.length - 1 && ` + visible)
	b.Want(`document.querySelectorAll("#state tbody tr").length === 5`)
	// A step comes into view from the side, too.
	b.Want(`(() => {
		const box = document.querySelector("#scroll"), seen = id => { const l = data.lanes.find(l => l.id === id); return l.x > box.scrollLeft && l.x + 50 < box.scrollLeft + box.clientWidth; };
		return box.clientWidth < data.width && [1, 5, 2].every(id => { go(data.rows.findIndex(row => row.n === id)); return seen(id); });
	})()`)

	// A link leads to its step, and the state is that after the step: the leader of term 4 has
	// entry 4.
	b.Run(chromedp.Navigate("about:blank"))
	b.Run(chromedp.Navigate(page + "#step-31"))
	b.Want("step === 30 && " + visible)
	leader := `[...document.querySelectorAll("#state tr")].find(row => row.textContent.includes("leader, term 4"))`
	// Back and forth, the state is the same as from the beginning.
	b.Want(`(() => {
		const text = i => JSON.stringify([...states(i)]);
		const forth = data.rows.map((_, i) => text(i)), back = data.rows.map((_, i) => text(data.rows.length - 1 - i)).reverse();
		return forth.every((words, i) => words === back[i]);
	})()`)
	b.Want(leader + `.querySelectorAll("td.entry.t4").length === 1 && ` + leader + `.querySelectorAll("td.entry.committed").length === 0`)
	b.WantText("#verdict", "Entry 3 (term 2) of node 1 is not committed.")
	b.Shoot("picture-step")
	b.Run(chromedp.Click(chromedp.CSS("#row-29 a")))
	b.Want(`step === 28 && location.hash === "#step-29"`)

	// Paper gets all of it.
	tab.Eval[any](b, `dispatchEvent(new Event("beforeprint")); null`)
	b.Want(`(() => {
		const pieces = [...document.querySelectorAll("#pages svg")];
		return pieces.length >= 2 && pieces.every(piece => piece.querySelectorAll(".lane-name").length === 5) &&
			document.querySelectorAll("#pages g[id^=row-]").length === data.rows.length &&
			pieces.reduce((sum, piece) => sum + piece.viewBox.baseVal.height - 26, 0) === tops.at(-1);
	})()`)
	tab.Eval[any](b, `dispatchEvent(new Event("afterprint")); null`)
	b.Want(rows + ` > 0 && document.querySelectorAll("#pages svg").length === 0`)
	b.WantErrors()
	for _, r := range b.Requests() {
		if !strings.HasPrefix(r.URL, page) && r.URL != "about:blank" && r.URL != "data:," {
			t.Errorf("the page fetches %s", r.URL)
		}
	}
}

func TestAPictureIsFilteredByNodeAndType(t *testing.T) {
	b := openTab(t)
	b.Run(chromedp.Navigate(draw(t, "testdata/election.txt")))
	all := tab.Eval[int](b, "shown.length")
	b.Run(chromedp.Click(chromedp.CSS("#nodes input[value='1']")))
	b.Want(fmt.Sprintf("shown.length < %d && shown.length > 0 && shown.every(i => data.rows[i].n !== 1)", all))
	b.Run(chromedp.Click(chromedp.CSS("#nodes input[value='1']")))
	b.Want(fmt.Sprintf("shown.length === %d", all))
	b.Want(`data.arrows.filter(a => a.m === "Vote").length >= 2`)
	tab.Eval[any](b, `document.querySelector("#type").value = "Vote"; document.querySelector("#type").dispatchEvent(new Event("change", {bubbles: true})); null`)
	b.Want(`shown.every(i => data.rows[i].n === 0 || data.rows[i].t.includes("Vote"))`)
	b.Want(arrows + ` === data.arrows.filter(a => a.m === "Vote").length && [...document.querySelectorAll("#arrows > g")].every(a => a.classList.contains("vote"))`)
	// The next step is the next one that is shown.
	b.Run(chromedp.KeyEvent(kb.Home), chromedp.KeyEvent("j"))
	b.Want("step === shown[1] && " + visible)
	b.WantErrors()
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
	b.Run(chromedp.Navigate("file://" + path))
	b.Want(`data.group === 7 && data.lanes.map(l => l.id).join() === "1" && data.rows.length === 2 && !document.querySelector("#group-label").hidden`)
	tab.Eval[any](b, `document.querySelector("#group").value = "9"; document.querySelector("#group").dispatchEvent(new Event("change", {bubbles: true})); null`)
	b.Want(`data.group === 9 && data.lanes.map(l => l.id).join() === "3" && data.rows.length === 1 && location.hash === "#group-9-step-1"`)
	b.WantText("#rows", "of group 9")
	b.Run(chromedp.Navigate("about:blank"), chromedp.Navigate("file://"+path+"#group-7-step-2"))
	b.Want(`data.group === 7 && step === 1`)
	b.WantErrors()
}

// TestALongRunDrawsWhatIsVisible: the page of 10,000 events has few elements, wherever it is.
func TestALongRunDrawsWhatIsVisible(t *testing.T) {
	const most = 5000
	b := openTab(t)
	b.Run(chromedp.Navigate(draw(t, "-seed", "3", "-nodes", "5", "-events", "12000")))
	elements := `document.querySelectorAll("*").length`
	b.Want(fmt.Sprintf("data.rows.length >= 10000 && %s < %d", elements, most))
	t.Logf("%d steps, %d elements", tab.Eval[int](b, "data.rows.length"), tab.Eval[int](b, elements))
	for _, share := range []float64{0.3, 0.7, 1} {
		tab.Eval[any](b, fmt.Sprintf(`(() => { const box = document.querySelector("#scroll"); box.scrollTop = box.scrollHeight * %g; })()`, share))
		b.Want(fmt.Sprintf("%s > 20 && %s < %d", rows, elements, most))
		// What is in the middle of the window is drawn.
		b.Want(`(() => {
			const box = document.querySelector("#scroll").getBoundingClientRect(), middle = box.top + box.height / 3;
			return [...document.querySelectorAll("#rows > g")].some(row => Math.abs(row.getBoundingClientRect().top - middle) < 60);
		})()`)
	}
	tab.Eval[any](b, "go(0); null")
	b.Run(chromedp.KeyEvent("n"))
	b.Want("data.blocks.length === 1 && step === 10")
	took := tab.Eval[float64](b, `(() => { go(0); const from = performance.now(); for (let i = 0; i < 200; i++) move(1); return (performance.now() - from) / 200; })()`)
	t.Logf("a step takes %.1f ms", took)
	b.Shoot("picture-long")
	b.WantErrors()
}
