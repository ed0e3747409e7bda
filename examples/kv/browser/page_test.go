// Package browser tests the page of a replica in headless Chromium, before a real cluster.
package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/ffd200af/raft/cmd/raftpage/browser/tab"
)

// TestThePage is one visit: each step begins where the one before it has ended.
func TestThePage(t *testing.T) {
	b := openTab(t)
	c := startCluster(t)
	c.awaitUp(1)
	v := &visit{Tab: b, cluster: c}
	b.Run(chromedp.Navigate(c.urls[1] + "/"))
	for _, step := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"three members and one leader", v.showsMembers},
		{"a write moves the bars", v.movesBars},
		{"no change without the token", v.wantsToken},
		{"a button moves the leader", v.transfers},
		{"a killed replica is silent", v.showsSilence},
		{"a refusal is shown", v.showsRefusal},
		{"a button removes a replica", v.removes},
		{"the command that adds a replica", v.showsCommand},
		{"nothing is said twice", v.saysNothingTwice},
		{"what is rare", v.showsWhatIsRare},
		{"ids keep their digits", v.keepsDigits},
		{"a hidden page asks nothing", v.restsWhenHidden},
		{"nothing from elsewhere", v.fetchesNothingElse},
		{"texts stay texts", v.makesNoElements},
		{"a lost replica", v.tellsLoss},
	} {
		if !t.Run(step.name, func(t *testing.T) { b.T, c.t = t, t; step.do(t) }) {
			return
		}
	}
}

// visit has the browser on the page of replica 1.
type visit struct {
	*tab.Tab
	cluster *cluster
}

// card selects the card of a replica, or something in it.
func card(id int, inside string) string { return fmt.Sprintf(`.member[data-id="%d"] %s`, id, inside) }

const leaderID = `Number(document.querySelector(".member.leads").dataset.id)`

func count(selector string) string {
	return fmt.Sprintf("document.querySelectorAll(%q).length", selector)
}

func (v *visit) showsMembers(*testing.T) {
	v.Want(count(".member") + " === 3 && " + count(".leads") + " === 1 && " + count(".silent") + " === 0")
	leader := tab.Eval[int](v.Tab, leaderID)
	v.WantText("#headline", fmt.Sprintf("Replica %d leads in term ", leader))
	for id := 1; id <= 3; id++ {
		role := "follower"
		if id == leader {
			role = "leader"
		}
		v.WantText(card(id, ".role"), role)
		v.WantText(card(id, ".address"), v.cluster.urls[id])
		v.WantText(card(id, ".state"), "Term ")
	}
	v.WantText(card(1, ".address"), "serves this page")
	v.Want(count(".inflight:not([hidden])") + " === 2") // of those that do not lead
	v.WantText(card(leader%3+1, ".inflight .value"), "0 of 256 appends")
	v.WantText(card(leader%3+1, ".flow"), "0 bytes of 64 MiB in flight")
	v.WantText("#elections", fmt.Sprintf("replica %d leads", leader))
	v.WantText("#elections", "no leader was heard from for ")
	v.WantErrors()
}

func (v *visit) movesBars(*testing.T) {
	const writes = 30
	lengths := func() map[string]float64 {
		return tab.Eval[map[string]float64](v.Tab, `Object.fromEntries([...document.querySelectorAll(".bar:not(.inflight)")].map(bar =>
			[bar.closest(".member").dataset.id + bar.className, parseFloat(bar.querySelector(".fill").style.width)]))`)
	}
	applied := func(id int) int {
		return tab.Eval[int](v.Tab, fmt.Sprintf("Number(document.querySelector(%q).textContent)", card(id, ".applied .value")))
	}
	index, before, axis := applied(1), lengths(), v.Text("#axis")
	for i := range writes {
		v.cluster.put(1, fmt.Sprint("key", i))
	}
	for id := 1; id <= 3; id++ {
		until(v.T, "applied entries", func() bool { return applied(id) >= index+writes })
	}
	if len(before) != 9 {
		v.T.Errorf("%d bars, want 9", len(before))
	}
	until(v.T, "bars that are longer", func() bool {
		for name, length := range lengths() {
			if length <= before[name] || length > 100 {
				return false
			}
		}
		return true
	})
	v.Shoot("writes")
	if now := v.Text("#axis"); now != axis {
		v.T.Errorf("%s before, and %s after %d writes: nobody sees that they move", axis, now, writes)
	}

	// The axis moves on when the bars have reached its end.
	for i := 0; v.Text("#axis") == axis && i < 1000; i++ {
		v.cluster.put(1, fmt.Sprint("more", i))
	}
	until(v.T, "bars on the next axis", func() bool {
		for _, length := range lengths() {
			if length <= 0 || length >= 100 {
				return false
			}
		}
		return v.Text("#axis") != axis
	})
	v.WantErrors()
}

// wantsToken shows the refusal of a request without the token, and then keeps the token.
func (v *visit) wantsToken(*testing.T) {
	leader := tab.Eval[int](v.Tab, leaderID)
	v.Press(card(leader%3+1, ".lead"), kb.Enter)
	v.WantText("#notice", fmt.Sprintf("Replica %d does not take over. 401 Unauthorized: this needs the token", leader%3+1))
	v.Want("!document.querySelector('#notice').hidden")
	v.WantErrors("401") // Chromium reports every refusal
	v.Run(chromedp.SendKeys(chromedp.CSS("#token"), token))
	kept := fmt.Sprintf("document.querySelector('#token').value === %[1]s && sessionStorage.getItem('token') === %[1]s", quote(token))
	v.Want(kept + " && localStorage.length === 0 && document.cookie === ''")
	v.Run(chromedp.Reload())
	v.Want(kept + " && " + count(".member") + " === 3")
	v.WantErrors()
}

func (v *visit) transfers(*testing.T) {
	old := tab.Eval[int](v.Tab, leaderID)
	next := old%3 + 1
	v.Want(fmt.Sprintf("document.querySelector(%q).disabled", card(old, ".lead")))
	v.Press(card(next, ".lead"), kb.Enter)
	v.Want(leaderID + fmt.Sprint(" === ", next))
	v.WantText("#headline", fmt.Sprintf("Replica %d leads", next))
	v.WantText("#elections", fmt.Sprintf("replica %d: leader %d handed over to this replica; follower → candidate → leader", next, old))
	v.WantText("#elections", fmt.Sprintf("replica %d: this replica handed over to replica %d; leader → follower; leader %d", old, next, next))
	v.WantText("#elections", fmt.Sprintf("replica %d asked for votes; stayed follower; leader %d after ", next, next))
	v.Want("document.querySelector('#notice').hidden")
	changes := sent(v.Tab, "POST", "/leader")
	if len(changes) != 2 || changes[1].Headers["Authorization"] != "Bearer "+token {
		v.T.Errorf("%d requests, want the refused one and one with the token: %v", len(changes), changes)
	}
	for _, r := range sent(v.Tab, "GET", "/") {
		if _, there := r.Headers["Authorization"]; there {
			v.T.Errorf("GET %s has the token", r.URL)
		}
	}
	v.WantErrors()
}

// showsSilence kills replica 3, or 2 if 3 leads.
func (v *visit) showsSilence(*testing.T) {
	dead := v.dead()
	v.cluster.kill(dead)
	v.Want(count(".silent") + " === 1 && " + count(card(dead, ".silent")) + " === 0")
	v.WantText(card(dead, ".role"), "silent")
	v.WantText(card(dead, ".state"), "connection refused")
	v.WantText("#headline", "leads in term")
	v.WantText("#headline", "1 replica silent")
	v.WantText(card(dead, ".flow"), "not heard from lately") // the leader refuses from then on
	v.Want(fmt.Sprintf("document.querySelector(%q).disabled", card(dead, ".lead")))
	v.Shoot("silent")
	v.WantErrors()
}

func (v *visit) dead() int {
	if tab.Eval[int](v.Tab, leaderID) == 3 {
		return 2
	}
	return 3
}

// showsRefusal wants one of the two live replicas removed: the dead one could not replace it.
func (v *visit) showsRefusal(*testing.T) {
	other := 5 - v.dead()
	v.Press(card(other, ".remove"), kb.Enter)
	v.Want(`document.querySelector("#ask").open && document.activeElement.id === "ask-no"`)
	v.WantText("#ask-text", "2 voters will be left: the cluster then stops if 1 of them fails.")
	v.WantText("#ask-text", "never used again")
	v.Press("#ask-yes", kb.Enter)
	v.Want(`!document.querySelector("#ask-refusal").hidden`)
	v.WantText("#ask-refusal", fmt.Sprintf("409 Conflict: refused: of the 2 voters after this change, 2 are needed and 1 were heard from within "+
		"an election timeout. Silent: %d.", v.dead()))
	v.Shoot("refusal")
	v.Run(chromedp.KeyEvent(kb.Escape))
	v.Want(`!document.querySelector("#ask").open && ` + count(".member") + " === 3")
	v.WantErrors("409")
}

func (v *visit) removes(*testing.T) {
	dead := v.dead()
	v.Press(card(dead, ".remove"), kb.Enter)
	v.Press("#ask-no", kb.Enter)
	v.Want(`!document.querySelector("#ask").open && ` + count(".member") + " === 3")
	v.Press(card(dead, ".remove"), kb.Enter)
	v.Press("#ask-yes", kb.Enter)
	v.Want(`!document.querySelector("#ask").open && ` + count(".member") + " === 2 && " + count(".silent") + " === 0")
	v.WantText("#about", fmt.Sprint("removed: ", dead))
	if n := len(sent(v.Tab, "DELETE", "/members/")); n != 2 {
		v.T.Errorf("%d requests, want the refused one and another", n)
	}
	v.WantErrors()
}

func (v *visit) showsCommand(*testing.T) {
	set := func(selector, value string) {
		tab.Eval[any](v.Tab, fmt.Sprintf(`document.querySelector(%q).select()`, selector))
		v.Run(chromedp.KeyEvent(value))
	}
	v.WantText("#new-command", fmt.Sprintf("-id 4 -join %s -address http://127.0.0.1:9124 -token-file FILE", v.cluster.urls[1]))
	set("#new-address", "http://host7:1")
	v.WantText("#new-command", "-address http://host7:1")
	set("#new-id", fmt.Sprint(3)) // a member, or removed
	v.WantText("#new-command", "never used")
	set("#new-id", "7")
	set("#new-address", "http://host7:1; rm")
	v.WantText("#new-command", "an address like")
	v.Want(`document.querySelector("#copy").disabled`)
	v.WantErrors()
}

// saysNothingTwice looks for texts that are replaced by the same texts: a screen reader would tell
// them again, and a selection would be lost.
func (v *visit) saysNothingTwice(*testing.T) {
	asked := len(sent(v.Tab, "GET", "/cluster"))
	tab.Eval[any](v.Tab, `window.again = [];
		window.text = nodes => [...nodes].map(node => node.textContent).join();
		new MutationObserver(list => window.again.push(...list.map(m => [text(m.removedNodes), text(m.addedNodes)])
			.filter(([old, now]) => old === now).map(([old]) => old))).observe(document.body, {subtree: true, childList: true}); null`)
	until(v.T, "three answers", func() bool { return len(sent(v.Tab, "GET", "/cluster")) > asked+3 })
	if again := tab.Eval[[]string](v.Tab, "window.again"); len(again) > 0 {
		v.T.Errorf("said again: %q", again)
	}
}

// feed shows a report that is the present one with changes. r is the report, l the status of the
// leader, and o another member.
func (v *visit) feed(changes string) {
	tab.Eval[any](v.Tab, fmt.Sprintf(`(async () => {
		window.realFetch ??= window.fetch;
		const r = await (await realFetch("/cluster")).json();
		const l = r.members.find(m => m.status.role === "Leader").status, o = r.members.find(m => m.status !== l);
		%s;
		window.fetch = async (path, options) => path === "/cluster" ? new Response(JSON.stringify(r).replace('"LARGE"', "9007199254740993")) : realFetch(path, options);
	})()`, changes))
}

// showsWhatIsRare feeds the page what a cluster seldom reports.
func (v *visit) showsWhatIsRare(*testing.T) {
	leader := tab.Eval[int](v.Tab, leaderID)
	other := 6 - v.removedID() - leader
	v.feed(`Object.assign(l.peers[o.id], {state: "snapshot", inflight: 64, inflight_bytes: 48 << 20, inflight_full: true, heard: false});
		l.sending = {[o.id]: {index: 7, bytes: 3 << 20}};
		l.voters = [l.id];
		l.learners = [o.id];
		Object.assign(o.status, {applied: l.commit - 2, no_progress: "own disk", receiving: {index: 7, bytes: 2048}, err: "<b>broken</b>"})`)
	v.WantText(card(other, ".role"), "learner")
	v.WantText(card(other, ".state"), "2 entries behind · receives a snapshot: 2 KiB · no progress: own disk · <b>broken</b>")
	v.WantText(card(other, ".inflight .value"), "64 of 256 appends")
	v.Want(fmt.Sprintf(`document.querySelector(%q).style.width === "75%%"`, card(other, ".inflight .fill")))
	for _, part := range []string{": snapshot", "48 MiB of 64 MiB in flight", "window full", "not heard from lately", "snapshot 7: 3 MiB sent"} {
		v.WantText(card(other, ".flow"), part)
	}
	v.Want(fmt.Sprintf("document.querySelector(%q).disabled", card(other, ".lead")))

	v.feed(`Object.assign(l.peers[o.id], {paused: true, inflight: 128, inflight_bytes: 1000}); o.status.applied = l.commit - 1`)
	v.WantText(card(other, ".flow"), "1000 bytes of 64 MiB in flight · waits for an answer")
	v.Want(fmt.Sprintf(`document.querySelector(%q).style.width === "50%%"`, card(other, ".inflight .fill")))
	v.WantText(card(other, ".state"), "1 entry behind")

	v.feed(`Object.assign(l, {role: "Candidate", leader: 0}); Object.assign(o.status, {role: "PreCandidate", leader: 0})`)
	v.WantText("#headline", "No leader")
	v.WantText(card(leader, ".role"), "candidate")
	v.WantText(card(other, ".role"), "pre-candidate")
	v.WantText(card(other, ".state"), "knows no leader")
	v.Want("document.title === 'kv: no leader' && " + count(".inflight:not([hidden])") + " === 0")

	v.feed(`for (const name of ["applied", "commit", "last_index"]) l[name] += 100000;
		delete o.status;
		o.silent = "gone"`)
	v.WantText(card(other, ".state"), ": gone")
	v.Want(fmt.Sprintf(`document.querySelector(%q).style.width === "0%%"`, card(other, ".applied .fill"))) // the axis is beyond it

	v.feed(`const saw = (at, reason) => [{at, term: 1e6, roles: ["follower"], leader: 0, millis: 0, reason}];
		l.elections = saw("2026-01-02T12:00:00.25+02:00", "earlier");
		o.status.elections = saw("2026-01-02T11:00:00.5Z", "later")`)
	v.Want(`/earlier.*later/.test(document.querySelector("#elections").textContent)`)

	v.feed("r.members = []")
	v.Want(count(".member") + " === 0")
	tab.Eval[any](v.Tab, "window.fetch = realFetch; null")
	v.Want(count(".member") + " === 2 && " + count(".leads") + " === 1")
	v.WantErrors()
}

func (v *visit) removedID() int {
	var id int
	_, about, _ := strings.Cut(v.Text("#about"), "removed: ")
	if _, err := fmt.Sscan(about, &id); err != nil {
		v.T.Fatal(err)
	}
	return id
}

func (v *visit) restsWhenHidden(*testing.T) {
	hide := func(hidden bool) {
		tab.Eval[any](v.Tab, fmt.Sprintf(`Object.defineProperty(document, "hidden", {value: %t, configurable: true});
			document.dispatchEvent(new Event("visibilitychange")); null`, hidden))
	}
	hide(true)
	before := len(sent(v.Tab, "GET", "/cluster"))
	tab.Eval[any](v.Tab, "new Promise(done => setTimeout(done, 2500))")
	if n := len(sent(v.Tab, "GET", "/cluster")) - before; n > 1 { // one may have been on its way
		v.T.Errorf("a hidden page asks %d times", n)
	}
	before = len(sent(v.Tab, "GET", "/cluster"))
	hide(false)
	until(v.T, "questions again", func() bool { return len(sent(v.Tab, "GET", "/cluster")) > before+1 })
	v.WantErrors()
}

func (v *visit) fetchesNothingElse(*testing.T) {
	wantOnlyFrom(v.Tab, v.cluster.urls[1])
	v.Want(`document.querySelector("link[rel=icon]").href === "data:,"`) // others than headless browsers fetch it
}

// makesNoElements checks that the policy forbids what the page does not do.
func (v *visit) makesNoElements(*testing.T) {
	for _, expression := range []string{
		`(() => { try { document.querySelector("#about").innerHTML = "<b>x</b>" } catch (err) { return err.name } })()`,
		fmt.Sprintf(`fetch(%s, {mode: "no-cors"}).then(() => "", err => err.name)`, quote(v.cluster.urls[5-v.removedID()]+"/status")),
	} {
		if name := tab.Eval[string](v.Tab, expression); !strings.HasSuffix(name, "Error") {
			v.T.Errorf("%s is allowed: %q", expression, name)
		}
	}
	v.Want(count("#about b") + " === 0")
}

// tellsLoss kills the replica that serves the page.
func (v *visit) tellsLoss(*testing.T) {
	v.cluster.kill(1)
	v.WantText("#headline", "The replica that serves this page does not answer")
	v.WantText("#about", "is old")
	v.Shoot("lost")
}

// keepsDigits: an id is a number of 64 bits, and numbers of the browser have 53.
func (v *visit) keepsDigits(*testing.T) {
	v.feed(`r.removed.push("LARGE")`)
	v.Want(`document.querySelector("#about").textContent.includes("9007199254740993")`)
	tab.Eval[any](v.Tab, "window.fetch = realFetch; null")
	v.Want(`!document.querySelector("#about").textContent.includes("9007199254740993")`)
}

func openTab(t *testing.T) *tab.Tab {
	t.Helper()
	b := tab.Open(t, 1100, 1000)
	b.Narrow, b.Height = 380, 900
	return b
}

// sent lists the requests so far whose path begins with prefix.
func sent(b *tab.Tab, method, prefix string) (found []*network.Request) {
	for _, r := range b.Requests() {
		if u, err := url.Parse(r.URL); err == nil && r.Method == method && strings.HasPrefix(u.Path, prefix) {
			found = append(found, r)
		}
	}
	return found
}

// wantOnlyFrom checks where all that was fetched has come from.
func wantOnlyFrom(b *tab.Tab, origin string) {
	b.T.Helper()
	for _, r := range b.Requests() {
		if !strings.HasPrefix(r.URL, origin+"/") && r.URL != "data:," {
			b.T.Errorf("the page fetches %s", r.URL)
		}
	}
}

// quote makes a text a literal of JavaScript.
func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(b)
}
