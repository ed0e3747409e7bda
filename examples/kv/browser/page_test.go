// Package browser tests the page of a replica in headless Chromium, before a real cluster.
package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestThePage is one visit: each step begins where the one before it has ended.
func TestThePage(t *testing.T) {
	b := openTab(t)
	c := startCluster(t)
	c.awaitUp(1)
	v := &visit{tab: b, cluster: c}
	b.run(chromedp.Navigate(c.urls[1] + "/"))
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
		if !t.Run(step.name, func(t *testing.T) { b.t, c.t = t, t; step.do(t) }) {
			return
		}
	}
}

// visit has the browser on the page of replica 1.
type visit struct {
	*tab
	cluster *cluster
}

// card selects the card of a replica, or something in it.
func card(id int, inside string) string { return fmt.Sprintf(`.member[data-id="%d"] %s`, id, inside) }

const leaderID = `Number(document.querySelector(".member.leads").dataset.id)`

func count(selector string) string {
	return fmt.Sprintf("document.querySelectorAll(%q).length", selector)
}

func (v *visit) showsMembers(*testing.T) {
	v.want(count(".member") + " === 3 && " + count(".leads") + " === 1 && " + count(".silent") + " === 0")
	leader := eval[int](v.tab, leaderID)
	v.wantText("#headline", fmt.Sprintf("Replica %d leads in term ", leader))
	for id := 1; id <= 3; id++ {
		role := "follower"
		if id == leader {
			role = "leader"
		}
		v.wantText(card(id, ".role"), role)
		v.wantText(card(id, ".address"), v.cluster.urls[id])
		v.wantText(card(id, ".state"), "Term ")
	}
	v.wantText(card(1, ".address"), "serves this page")
	v.want(count(".inflight:not([hidden])") + " === 2") // of those that do not lead
	v.wantText(card(leader%3+1, ".inflight .value"), "0 of 256 appends")
	v.wantText(card(leader%3+1, ".flow"), "0 bytes of 64 MiB in flight")
	v.wantText("#elections", fmt.Sprintf("replica %d leads", leader))
	v.wantText("#elections", "no leader was heard from for ")
	v.wantErrors()
}

func (v *visit) movesBars(*testing.T) {
	const writes = 30
	lengths := func() map[string]float64 {
		return eval[map[string]float64](v.tab, `Object.fromEntries([...document.querySelectorAll(".bar:not(.inflight)")].map(bar =>
			[bar.closest(".member").dataset.id + bar.className, parseFloat(bar.querySelector(".fill").style.width)]))`)
	}
	applied := func(id int) int {
		return eval[int](v.tab, fmt.Sprintf("Number(document.querySelector(%q).textContent)", card(id, ".applied .value")))
	}
	index, before, axis := applied(1), lengths(), v.text("#axis")
	for i := range writes {
		v.cluster.put(1, fmt.Sprint("key", i))
	}
	for id := 1; id <= 3; id++ {
		until(v.t, "applied entries", func() bool { return applied(id) >= index+writes })
	}
	if len(before) != 9 {
		v.t.Errorf("%d bars, want 9", len(before))
	}
	until(v.t, "bars that are longer", func() bool {
		for name, length := range lengths() {
			if length <= before[name] || length > 100 {
				return false
			}
		}
		return true
	})
	v.shoot("writes")
	if now := v.text("#axis"); now != axis {
		v.t.Errorf("%s before, and %s after %d writes: nobody sees that they move", axis, now, writes)
	}

	// The axis moves on when the bars have reached its end.
	for i := 0; v.text("#axis") == axis && i < 1000; i++ {
		v.cluster.put(1, fmt.Sprint("more", i))
	}
	until(v.t, "bars on the next axis", func() bool {
		for _, length := range lengths() {
			if length <= 0 || length >= 100 {
				return false
			}
		}
		return v.text("#axis") != axis
	})
	v.wantErrors()
}

// wantsToken shows the refusal of a request without the token, and then keeps the token.
func (v *visit) wantsToken(*testing.T) {
	leader := eval[int](v.tab, leaderID)
	v.press(card(leader%3+1, ".lead"), kb.Enter)
	v.wantText("#notice", fmt.Sprintf("Replica %d does not take over. 401 Unauthorized: this needs the token", leader%3+1))
	v.want("!document.querySelector('#notice').hidden")
	v.wantErrors("401") // Chromium reports every refusal
	v.run(chromedp.SendKeys(chromedp.CSS("#token"), token))
	kept := fmt.Sprintf("document.querySelector('#token').value === %[1]s && sessionStorage.getItem('token') === %[1]s", quote(token))
	v.want(kept + " && localStorage.length === 0 && document.cookie === ''")
	v.run(chromedp.Reload())
	v.want(kept + " && " + count(".member") + " === 3")
	v.wantErrors()
}

func (v *visit) transfers(*testing.T) {
	old := eval[int](v.tab, leaderID)
	next := old%3 + 1
	v.want(fmt.Sprintf("document.querySelector(%q).disabled", card(old, ".lead")))
	v.press(card(next, ".lead"), kb.Enter)
	v.want(leaderID + fmt.Sprint(" === ", next))
	v.wantText("#headline", fmt.Sprintf("Replica %d leads", next))
	v.wantText("#elections", fmt.Sprintf("replica %d: leader %d handed over to this replica; follower → candidate → leader", next, old))
	v.wantText("#elections", fmt.Sprintf("replica %d: this replica handed over to replica %d; leader → follower; leader %d", old, next, next))
	v.wantText("#elections", fmt.Sprintf("replica %d asked for votes; stayed follower; leader %d after ", next, next))
	v.want("document.querySelector('#notice').hidden")
	changes := v.sent("POST", "/leader")
	if len(changes) != 2 || changes[1].Headers["Authorization"] != "Bearer "+token {
		v.t.Errorf("%d requests, want the refused one and one with the token: %v", len(changes), changes)
	}
	for _, r := range v.sent("GET", "/") {
		if _, there := r.Headers["Authorization"]; there {
			v.t.Errorf("GET %s has the token", r.URL)
		}
	}
	v.wantErrors()
}

// showsSilence kills replica 3, or 2 if 3 leads.
func (v *visit) showsSilence(*testing.T) {
	dead := v.dead()
	v.cluster.kill(dead)
	v.want(count(".silent") + " === 1 && " + count(card(dead, ".silent")) + " === 0")
	v.wantText(card(dead, ".role"), "silent")
	v.wantText(card(dead, ".state"), "connection refused")
	v.wantText("#headline", "leads in term")
	v.wantText("#headline", "1 replica silent")
	v.wantText(card(dead, ".flow"), "not heard from lately") // the leader refuses from then on
	v.want(fmt.Sprintf("document.querySelector(%q).disabled", card(dead, ".lead")))
	v.shoot("silent")
	v.wantErrors()
}

func (v *visit) dead() int {
	if eval[int](v.tab, leaderID) == 3 {
		return 2
	}
	return 3
}

// showsRefusal wants one of the two live replicas removed: the dead one could not replace it.
func (v *visit) showsRefusal(*testing.T) {
	other := 5 - v.dead()
	v.press(card(other, ".remove"), kb.Enter)
	v.want(`document.querySelector("#ask").open && document.activeElement.id === "ask-no"`)
	v.wantText("#ask-text", "2 voters will be left: the cluster then stops if 1 of them fails.")
	v.wantText("#ask-text", "never used again")
	v.press("#ask-yes", kb.Enter)
	v.want(`!document.querySelector("#ask-refusal").hidden`)
	v.wantText("#ask-refusal", fmt.Sprintf("409 Conflict: refused: of the 2 voters after this change, 2 are needed and 1 were heard from within "+
		"an election timeout. Silent: %d.", v.dead()))
	v.shoot("refusal")
	v.run(chromedp.KeyEvent(kb.Escape))
	v.want(`!document.querySelector("#ask").open && ` + count(".member") + " === 3")
	v.wantErrors("409")
}

func (v *visit) removes(*testing.T) {
	dead := v.dead()
	v.press(card(dead, ".remove"), kb.Enter)
	v.press("#ask-no", kb.Enter)
	v.want(`!document.querySelector("#ask").open && ` + count(".member") + " === 3")
	v.press(card(dead, ".remove"), kb.Enter)
	v.press("#ask-yes", kb.Enter)
	v.want(`!document.querySelector("#ask").open && ` + count(".member") + " === 2 && " + count(".silent") + " === 0")
	v.wantText("#about", fmt.Sprint("removed: ", dead))
	if n := len(v.sent("DELETE", "/members/")); n != 2 {
		v.t.Errorf("%d requests, want the refused one and another", n)
	}
	v.wantErrors()
}

func (v *visit) showsCommand(*testing.T) {
	set := func(selector, value string) {
		eval[any](v.tab, fmt.Sprintf(`document.querySelector(%q).select()`, selector))
		v.run(chromedp.KeyEvent(value))
	}
	v.wantText("#new-command", fmt.Sprintf("-id 4 -join %s -address http://127.0.0.1:9124 -token-file FILE", v.cluster.urls[1]))
	set("#new-address", "http://host7:1")
	v.wantText("#new-command", "-address http://host7:1")
	set("#new-id", fmt.Sprint(3)) // a member, or removed
	v.wantText("#new-command", "never used")
	set("#new-id", "7")
	set("#new-address", "http://host7:1; rm")
	v.wantText("#new-command", "an address like")
	v.want(`document.querySelector("#copy").disabled`)
	v.wantErrors()
}

// saysNothingTwice looks for texts that are replaced by the same texts: a screen reader would tell
// them again, and a selection would be lost.
func (v *visit) saysNothingTwice(*testing.T) {
	asked := len(v.sent("GET", "/cluster"))
	eval[any](v.tab, `window.again = [];
		window.text = nodes => [...nodes].map(node => node.textContent).join();
		new MutationObserver(list => window.again.push(...list.map(m => [text(m.removedNodes), text(m.addedNodes)])
			.filter(([old, now]) => old === now).map(([old]) => old))).observe(document.body, {subtree: true, childList: true}); null`)
	until(v.t, "three answers", func() bool { return len(v.sent("GET", "/cluster")) > asked+3 })
	if again := eval[[]string](v.tab, "window.again"); len(again) > 0 {
		v.t.Errorf("said again: %q", again)
	}
}

// feed shows a report that is the present one with changes. r is the report, l the status of the
// leader, and o another member.
func (v *visit) feed(changes string) {
	eval[any](v.tab, fmt.Sprintf(`(async () => {
		window.realFetch ??= window.fetch;
		const r = await (await realFetch("/cluster")).json();
		const l = r.members.find(m => m.status.role === "Leader").status, o = r.members.find(m => m.status !== l);
		%s;
		window.fetch = async (path, options) => path === "/cluster" ? new Response(JSON.stringify(r).replace('"LARGE"', "9007199254740993")) : realFetch(path, options);
	})()`, changes))
}

// showsWhatIsRare feeds the page what a cluster seldom reports.
func (v *visit) showsWhatIsRare(*testing.T) {
	leader := eval[int](v.tab, leaderID)
	other := 6 - v.removedID() - leader
	v.feed(`Object.assign(l.peers[o.id], {state: "snapshot", inflight: 64, inflight_bytes: 48 << 20, inflight_full: true, heard: false});
		l.sending = {[o.id]: {index: 7, bytes: 3 << 20}};
		l.voters = [l.id];
		l.learners = [o.id];
		Object.assign(o.status, {applied: l.commit - 2, no_progress: "own disk", receiving: {index: 7, bytes: 2048}, err: "<b>broken</b>"})`)
	v.wantText(card(other, ".role"), "learner")
	v.wantText(card(other, ".state"), "2 entries behind · receives a snapshot: 2 KiB · no progress: own disk · <b>broken</b>")
	v.wantText(card(other, ".inflight .value"), "64 of 256 appends")
	v.want(fmt.Sprintf(`document.querySelector(%q).style.width === "75%%"`, card(other, ".inflight .fill")))
	for _, part := range []string{": snapshot", "48 MiB of 64 MiB in flight", "window full", "not heard from lately", "snapshot 7: 3 MiB sent"} {
		v.wantText(card(other, ".flow"), part)
	}
	v.want(fmt.Sprintf("document.querySelector(%q).disabled", card(other, ".lead")))

	v.feed(`Object.assign(l.peers[o.id], {paused: true, inflight: 128, inflight_bytes: 1000}); o.status.applied = l.commit - 1`)
	v.wantText(card(other, ".flow"), "1000 bytes of 64 MiB in flight · waits for an answer")
	v.want(fmt.Sprintf(`document.querySelector(%q).style.width === "50%%"`, card(other, ".inflight .fill")))
	v.wantText(card(other, ".state"), "1 entry behind")

	v.feed(`Object.assign(l, {role: "Candidate", leader: 0}); Object.assign(o.status, {role: "PreCandidate", leader: 0})`)
	v.wantText("#headline", "No leader")
	v.wantText(card(leader, ".role"), "candidate")
	v.wantText(card(other, ".role"), "pre-candidate")
	v.wantText(card(other, ".state"), "knows no leader")
	v.want("document.title === 'kv: no leader' && " + count(".inflight:not([hidden])") + " === 0")

	v.feed(`for (const name of ["applied", "commit", "last_index"]) l[name] += 100000;
		delete o.status;
		o.silent = "gone"`)
	v.wantText(card(other, ".state"), ": gone")
	v.want(fmt.Sprintf(`document.querySelector(%q).style.width === "0%%"`, card(other, ".applied .fill"))) // the axis is beyond it

	v.feed(`const saw = (at, reason) => [{at, term: 1e6, roles: ["follower"], leader: 0, millis: 0, reason}];
		l.elections = saw("2026-01-02T12:00:00.25+02:00", "earlier");
		o.status.elections = saw("2026-01-02T11:00:00.5Z", "later")`)
	v.want(`/earlier.*later/.test(document.querySelector("#elections").textContent)`)

	v.feed("r.members = []")
	v.want(count(".member") + " === 0")
	eval[any](v.tab, "window.fetch = realFetch; null")
	v.want(count(".member") + " === 2 && " + count(".leads") + " === 1")
	v.wantErrors()
}

func (v *visit) removedID() int {
	var id int
	_, about, _ := strings.Cut(v.text("#about"), "removed: ")
	if _, err := fmt.Sscan(about, &id); err != nil {
		v.t.Fatal(err)
	}
	return id
}

func (v *visit) restsWhenHidden(*testing.T) {
	hide := func(hidden bool) {
		eval[any](v.tab, fmt.Sprintf(`Object.defineProperty(document, "hidden", {value: %t, configurable: true});
			document.dispatchEvent(new Event("visibilitychange")); null`, hidden))
	}
	hide(true)
	before := len(v.sent("GET", "/cluster"))
	eval[any](v.tab, "new Promise(done => setTimeout(done, 2500))")
	if n := len(v.sent("GET", "/cluster")) - before; n > 1 { // one may have been on its way
		v.t.Errorf("a hidden page asks %d times", n)
	}
	before = len(v.sent("GET", "/cluster"))
	hide(false)
	until(v.t, "questions again", func() bool { return len(v.sent("GET", "/cluster")) > before+1 })
	v.wantErrors()
}

func (v *visit) fetchesNothingElse(*testing.T) {
	v.wantOnlyFrom(v.cluster.urls[1])
	v.want(`document.querySelector("link[rel=icon]").href === "data:,"`) // others than headless browsers fetch it
}

// makesNoElements checks that the policy forbids what the page does not do.
func (v *visit) makesNoElements(*testing.T) {
	for _, expression := range []string{
		`(() => { try { document.querySelector("#about").innerHTML = "<b>x</b>" } catch (err) { return err.name } })()`,
		fmt.Sprintf(`fetch(%s, {mode: "no-cors"}).then(() => "", err => err.name)`, quote(v.cluster.urls[5-v.removedID()]+"/status")),
	} {
		if name := eval[string](v.tab, expression); !strings.HasSuffix(name, "Error") {
			v.t.Errorf("%s is allowed: %q", expression, name)
		}
	}
	v.want(count("#about b") + " === 0")
}

// tellsLoss kills the replica that serves the page.
func (v *visit) tellsLoss(*testing.T) {
	v.cluster.kill(1)
	v.wantText("#headline", "The replica that serves this page does not answer")
	v.wantText("#about", "is old")
	v.shoot("lost")
}

// keepsDigits: an id is a number of 64 bits, and numbers of the browser have 53.
func (v *visit) keepsDigits(*testing.T) {
	v.feed(`r.removed.push("LARGE")`)
	v.want(`document.querySelector("#about").textContent.includes("9007199254740993")`)
	eval[any](v.tab, "window.fetch = realFetch; null")
	v.want(`!document.querySelector("#about").textContent.includes("9007199254740993")`)
}
