// The page asks its own replica for GET /cluster once a second, and shows the answer. Texts go into
// the page as text only; the policy of the page forbids all else.

const byId = id => document.getElementById(id);
const pause = 1000; // ms between two questions

// show sets a text only if it differs: a screen reader would say it again.
function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function copyOf(template) {
  return byId(template).content.firstElementChild.cloneNode(true);
}

// exact reads JSON. A whole number above 2^53 becomes a text with all its digits: it may be an id.
const exact = text => JSON.parse(text, (_, value, context) =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context ? context.source : value);

const plural = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;

// ---- the axis that all bars share

// The axis stands still while the bars move along it. It is drawn anew when they leave it, or when
// it has become much too long.
const axis = { from: 0, to: 0, before: 0 };

function fitAxis(statuses) {
  if (statuses.length === 0) return;
  const low = Math.min(...statuses.map(s => s.applied));
  const high = Math.max(...statuses.map(s => s.last_index));
  const rate = axis.to > 0 ? Math.max(0, high - axis.before) : 0;
  axis.before = high;
  const wanted = Math.max(100, 4 * (high - low), 20 * rate);
  const length = axis.to - axis.from;
  if (low >= axis.from && high <= axis.to && length <= 20 * wanted) return;
  const step = 10 ** Math.ceil(Math.log10(wanted)) / 10;
  axis.from = Math.floor(low / step) * step;
  axis.to = axis.from + step * Math.ceil(wanted / step);
  show(byId("axis"), `Bars go from index ${axis.from} to ${axis.to}`);
}

// ---- members

const cards = new Map(); // id: the elements of a member, and what was heard from it last

function newCard(id) {
  const card = { root: copyOf("member"), bars: {}, status: null, heard: null };
  for (const name of ["last", "commit", "applied", "inflight"]) {
    const bar = copyOf("bar");
    bar.classList.add(name);
    show(bar.querySelector("dt"), { last: "log end", commit: "committed", applied: "applied", inflight: "in flight" }[name]);
    card.bars[name] = bar;
    card.root.querySelector(".bars").append(bar);
  }
  card.root.dataset.id = id;
  show(card.root.querySelector("h3"), `Replica ${id}`);
  for (const [name, act] of [["lead", makeLeader], ["remove", askRemoval]]) {
    const button = card.root.querySelector("." + name);
    button.setAttribute("aria-label", `${button.textContent} (replica ${id})`);
    button.addEventListener("click", () => act(id));
  }
  return card;
}

function fill(bar, share, text) {
  bar.querySelector(".fill").style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  show(bar.querySelector(".value"), text);
}

const plainRole = role => role.replace("precandidate", "pre-candidate");

function roleOf(id, status, view) {
  if (view.learners.includes(id)) return "learner";
  return plainRole(status.role.toLowerCase());
}

// size is a number of bytes in the largest unit that leaves at least 1.
function size(bytes) {
  const unit = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** unit).toPrecision(3))} ${["bytes", "KiB", "MiB", "GiB"][unit]}`;
}

function stateOf(card, member, leader) {
  if (!member.status) {
    const since = card.heard ? ` since ${moment(card.heard)}` : "";
    return `Silent${since}: ${member.silent}`;
  }
  const s = member.status;
  const parts = [`Term ${s.term}`];
  if (s.role !== "Leader") parts.push(s.leader ? `follows ${s.leader}` : "knows no leader");
  parts.push(`log from ${s.first_index}`);
  if (leader && leader !== s && leader.commit > s.applied) parts.push(`${plural(leader.commit - s.applied, "entry", "entries")} behind`);
  if (s.receiving) parts.push(`receives a snapshot: ${size(s.receiving.bytes)}`);
  if (s.no_progress) parts.push(`no progress: ${s.no_progress}`);
  if (s.err) parts.push(s.err);
  return parts.join(" · ");
}

// flowOf tells how the leader replicates to a member.
function flowOf(id, peer, leader) {
  if (!peer) return "";
  const parts = [`Leader ${leader.id}: ${peer.state}`, `on its disk ${peer.match}`, `next ${peer.next}`];
  parts.push(`${size(peer.inflight_bytes)} of ${size(peer.inflight_bytes_limit)} in flight`);
  if (peer.inflight_full) parts.push("window full");
  else if (peer.paused) parts.push("waits for an answer");
  if (!peer.heard) parts.push("not heard from lately");
  const sending = leader.sending && leader.sending[id];
  if (sending) parts.push(`snapshot ${sending.index}: ${size(sending.bytes)} sent`);
  return parts.join(" · ");
}

function showMember(member, view) {
  const { id, status } = member;
  if (!cards.has(id)) {
    cards.set(id, newCard(id));
    const after = [...cards.keys()].sort((a, b) => a - b);
    byId("members").append(...after.map(k => cards.get(k).root));
  }
  const card = cards.get(id);
  if (status) [card.status, card.heard] = [status, new Date()];
  const leads = view.leader !== null && view.leader.id === id;
  card.root.classList.toggle("leads", leads);
  card.root.classList.toggle("silent", !status);
  show(card.root.querySelector(".role"), status ? roleOf(id, status, view) : "silent");
  show(card.root.querySelector(".address"), member.address + (id === view.self ? " · serves this page" : ""));
  show(card.root.querySelector(".state"), stateOf(card, member, view.leader));

  const length = axis.to - axis.from || 1;
  const known = card.status;
  for (const [name, index] of known ? [["last", known.last_index], ["commit", known.commit], ["applied", known.applied]] : []) {
    fill(card.bars[name], (index - axis.from) / length, String(index));
  }
  const peer = view.leader && view.leader.peers && view.leader.peers[id];
  card.bars.inflight.hidden = !peer;
  if (peer) fill(card.bars.inflight, Math.max(peer.inflight / peer.inflight_limit, peer.inflight_bytes / peer.inflight_bytes_limit), `${peer.inflight} of ${peer.inflight_limit} appends`);
  show(card.root.querySelector(".flow"), flowOf(id, peer, view.leader));
  card.root.querySelector(".lead").disabled = leads || !view.voters.includes(id) || !status;
}

// ---- elections

// showElections puts together what all replicas say of a term.
function showElections(statuses) {
  const terms = new Map();
  for (const s of statuses) {
    for (const e of s.elections || []) {
      const term = terms.get(e.term) || { leader: 0, at: e.at, seen: [] };
      term.leader = term.leader || e.leader;
      term.seen.push({ id: s.id, ...e });
      terms.set(e.term, term);
    }
  }
  const latest = [...terms.keys()].sort((a, b) => b - a).slice(0, 8);
  const list = byId("elections");
  const text = JSON.stringify(latest.map(t => terms.get(t)));
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  list.replaceChildren(...latest.map(t => electionItem(t, terms.get(t))));
}

const span = ms => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

// moment is a time of today, or with its date.
function moment(at) {
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString() : at.toLocaleString();
}

function electionItem(number, term) {
  const item = document.createElement("li");
  const head = document.createElement("strong");
  show(head, `Term ${number}: ${term.leader ? `replica ${term.leader} leads` : "no leader"}`);
  const list = document.createElement("ul");
  // By time and not by text: replicas may be in different time zones.
  term.seen.sort((a, b) => new Date(a.at) - new Date(b.at) || a.id - b.id);
  for (const e of term.seen) {
    const line = document.createElement("li");
    const found = e.leader ? `leader ${e.leader} after ${span(e.millis)}` : "no leader";
    const roles = e.roles.length > 1 ? e.roles.map(plainRole).join(" → ") : `stayed ${e.roles[0]}`;
    show(line, `${moment(new Date(e.at))} replica ${e.id}: ${e.reason}; ${roles}; ${found}`);
    list.append(line);
  }
  item.append(head, list);
  return item;
}

// ---- changes

const tokenField = byId("token");
tokenField.value = sessionStorage.getItem("token") || "";
tokenField.addEventListener("input", () => {
  sessionStorage.setItem("token", tokenField.value);
  showCommand();
});

// change sends a request. It returns the refusal, or "".
async function change(method, path) {
  const headers = tokenField.value ? { Authorization: `Bearer ${tokenField.value}` } : {};
  try {
    const answer = await fetch(path, { method, headers });
    return answer.ok ? "" : `${answer.status} ${answer.statusText}: ${(await answer.text()).trim()}`;
  } catch (err) {
    return `No answer: ${err.message}. It may be done all the same.`;
  }
}

function notice(text) {
  byId("notice").hidden = text === "";
  show(byId("notice"), text);
}

async function makeLeader(id) {
  notice(`Replica ${id} is asked to take over…`);
  const refusal = await change("POST", `/leader?to=${id}`);
  notice(refusal && `Replica ${id} does not take over. ${refusal}`);
  look();
}

let removing = 0;

function askRemoval(id) {
  removing = id;
  const left = view.voters.filter(v => v !== id).length;
  const spare = left - Math.floor(left / 2) - 1;
  show(byId("ask-title"), `Remove replica ${id}?`);
  show(byId("ask-text"), `Its id and its data are never used again: to bring it back, add a new replica with another id. ` +
    (view.voters.includes(id) ? `${plural(left, "voter")} will be left: the cluster then stops if ${plural(spare + 1, "of them fails", "of them fail")}. ` : "") +
    (view.leader && view.leader.id === id ? "It leads: it hands over first. " : "") +
    (id === view.self ? "It serves this page, which ends then: open that of another replica." : ""));
  show(byId("ask-yes"), `Remove replica ${id}`);
  byId("ask-yes").disabled = left === 0;
  byId("ask-refusal").hidden = true;
  byId("ask").showModal();
}

byId("ask-no").addEventListener("click", () => byId("ask").close());
byId("ask-yes").addEventListener("click", async () => {
  byId("ask-yes").disabled = true;
  const refusal = await change("DELETE", `/members/${removing}`);
  byId("ask-yes").disabled = false;
  if (refusal === "") byId("ask").close();
  byId("ask-refusal").hidden = refusal === "";
  show(byId("ask-refusal"), refusal);
  look();
});

// ---- the command that adds a replica

let proposedID = "";

function showCommand() {
  const used = [...view.members.map(m => m.id), ...view.removed].map(String);
  const next = String(used.map(BigInt).reduce((a, b) => (a > b ? a : b), 0n) + 1n);
  const field = byId("new-id");
  if (field.value === proposedID) field.value = proposedID = next; // unless somebody has typed
  const id = field.value.trim();
  const address = byId("new-address").value.trim().replace(/\/$/, "");
  let text = `go run ./examples/kv -id ${id} -join ${location.origin} -address ${address}`;
  if (location.protocol === "https:") text += " -cert FILE -key FILE -peer-ca FILE";
  if (tokenField.value) text += " -token-file FILE";
  const good = /^[1-9][0-9]*$/.test(id) && !used.includes(id) && /^https?:\/\/[-\w.:[\]]+$/.test(address);
  show(byId("new-command"), good ? text : "Choose an id that was never used, and an address like http://host:port");
  byId("copy").disabled = !good;
}

if (location.protocol === "https:") byId("new-address").value = "https://127.0.0.1:9124";
for (const id of ["new-id", "new-address"]) byId(id).addEventListener("input", showCommand);
byId("copy").addEventListener("click", async () => {
  const selection = getSelection();
  selection.selectAllChildren(byId("new-command"));
  try {
    await navigator.clipboard.writeText(byId("new-command").textContent);
    show(byId("copy"), "Copied");
    setTimeout(() => show(byId("copy"), "Copy"), 2000);
  } catch {
    show(byId("copy"), "Press Ctrl+C"); // browsers give the clipboard to pages of https and localhost only
  }
});

// ---- the picture as a whole

// view is what the page knows of the cluster.
let view = { self: 0, members: [], removed: [], voters: [], learners: [], leader: null };

function showCluster(report) {
  const statuses = report.members.map(m => m.status).filter(Boolean);
  const newest = (a, b) => (b.term > a.term ? b : a);
  const leaders = statuses.filter(s => s.role === "Leader");
  const leader = leaders.length ? leaders.reduce(newest) : null;
  const own = report.members.find(m => m.id === report.self);
  const conf = leader || (own && own.status) || statuses[0] || { voters: [], learners: [] };
  view = { self: report.self, members: report.members, removed: report.removed, voters: conf.voters, learners: conf.learners, leader };

  fitAxis(statuses);
  for (const m of report.members) showMember(m, view);
  for (const [id, card] of cards) {
    if (!report.members.some(m => m.id === id)) {
      card.root.remove();
      cards.delete(id);
    }
  }
  showElections(statuses);
  showCommand();
  const silent = report.members.length - statuses.length;
  show(byId("headline"), (leader ? `Replica ${leader.id} leads in term ${leader.term}` : "No leader") +
    (silent ? `, ${plural(silent, "replica")} silent` : ""));
  show(byId("about"), `Cluster ${report.cluster || "unknown"} · ${plural(report.members.length, "member")}, ${plural(view.voters.length, "voter")}` +
    (report.removed.length ? ` · removed: ${report.removed.join(", ")}` : ""));
  document.title = leader ? `kv: ${leader.id} leads` : "kv: no leader";
  document.body.dataset.state = "live";
}

function showLost(why) {
  show(byId("headline"), "The replica that serves this page does not answer");
  show(byId("about"), `${why}. What stands below is old.`);
  document.title = "kv: no answer";
  document.body.dataset.state = "lost";
}

// ---- asking

let asking = false;
let timer = 0;

async function look() {
  clearTimeout(timer);
  if (document.hidden || asking) return;
  asking = true;
  try {
    const answer = await fetch("/cluster", { signal: AbortSignal.timeout(10 * pause), cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).trim()}`);
    showCluster(exact(await answer.text()));
  } catch (err) {
    showLost(err.message);
  }
  asking = false;
  timer = setTimeout(look, pause);
}

document.addEventListener("visibilitychange", look);
look();
