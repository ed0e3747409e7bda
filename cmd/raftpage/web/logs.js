// The logs of all nodes, one below the other.

import { html, redraw, termClass, button } from "./dom.js";
import { state, select } from "./state.js";

const table = document.querySelector("#logs");

// draw draws the logs.
export function draw() {
  const { view } = state;
  const indexes = [];
  for (let i = view.first; i <= Math.max(view.last, view.first + 7); i++) indexes.push(i);
  const head = html("tr", {}, html("th", { scope: "col", class: "title" }, "Logs"), ...indexes.map((i) => html("th", { scope: "col" }, String(i))),
    html("th", { scope: "col", class: "content" }, "state machine"));
  const rows = view.nodes.map((n) => row(n, indexes));
  redraw(table, html("thead", {}, head), html("tbody", {}, ...rows));
}

function row(n, indexes) {
  const name = button("S" + n.id, () => select(n.id), { class: "plain", "data-key": "log" + n.id });
  const leader = leaderOf(n);
  const match = leader?.progress.find((p) => p.id === n.id)?.match;
  const cells = indexes.map((i) => cell(n, i, match, leader));
  return html("tr", { class: `${n.role}${n.id === state.selected ? " selected" : ""}` },
    html("th", { scope: "row" }, name, n.role === "leader" ? " ★" : ""), ...cells,
    html("td", { class: "content" }, n.content.length > 24 ? "…" + n.content.slice(-24) : n.content));
}

// leaderOf is the leader of the latest term, who knows something of n.
function leaderOf(n) {
  const leaders = state.view.nodes.filter((l) => l.role === "leader" && l.id !== n.id);
  return leaders.sort((a, b) => b.term - a.term)[0];
}

function cell(n, index, match, leader) {
  const entry = n.entries.find((e) => e.index === index);
  const marks = [];
  if (index <= n.applied && (entry || index === n.begin)) marks.push("●");
  else if (index <= n.commit && entry) marks.push("○");
  const known = match === index;
  if (known) marks.push("▲");
  const title = entry ? entryTitle(n, entry, known, leader) : index === n.begin ? `S${n.id} has a snapshot up to ${index}` : "";
  let content = "";
  if (entry) content = html("span", { class: `entry ${entry.state} ${termClass(entry.term)}` }, entryText(entry), html("small", {}, " " + entry.term));
  else if (index <= n.begin) content = html("span", { class: "entry snapshot" }, index === n.begin ? "snap" : "");
  return html("td", { title }, content, html("span", { class: "marks" }, marks.join("")));
}

function entryText(e) {
  if (e.kind === "no-op") return "–";
  return e.text.length > 6 ? e.text.slice(0, 5) + "…" : e.text;
}

function entryTitle(n, e, known, leader) {
  const what = { "no-op": "the empty entry with which a leader begins its term", members: `members ${e.text}`, data: `“${e.text}”` }[e.kind];
  const on = { durable: "durable", writing: "being written", unsynced: "acknowledged by a disk that lies" }[e.state];
  let far = "not committed, as far as the node knows";
  if (e.index <= n.commit) far = "committed";
  if (e.index <= n.applied) far = "committed and applied";
  return `Entry ${e.index} of S${n.id}, term ${e.term}: ${what}; ${on}; ${far}${known ? `. S${leader.id} knows that S${n.id} has the log up to here` : ""}`;
}
