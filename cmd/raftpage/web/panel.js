// The node or message that is chosen, and what can be done to it.

import { html, redraw, button } from "./dom.js";
import { state, act, select, showError } from "./state.js";
import { describe } from "./messages.js";
import { word } from "./words.js";

const panel = document.querySelector("#panel");
const knows = document.querySelector("#knows");

let typed = ""; // in the field for data
let hint = { step: -1 }; // what is said below it: an error until the text changes, else for one step

// draw draws the panel. A text that somebody is typing stays.
export function draw() {
  const message = state.view.messages.find((m) => m.number === state.message);
  redraw(panel, ...(message ? messagePanel(message) : nodePanel(state.view.nodes[state.selected - 1])));
  const leader = message ? null : state.view.nodes[state.selected - 1];
  knows.hidden = !leader?.progress.length;
  redraw(knows, knows.hidden ? null : progress(leader));
}

function messagePanel(m) {
  return [
    html("h2", { id: "panel-title" }, `A message to S${m.to}`),
    html("p", {}, describe(m)),
    html("pre", {}, m.text),
    html("div", { class: "buttons" },
      button("Lose it", () => act({ do: "drop", message: m.number }), { "data-key": "drop" }),
      button("Deliver it now", () => act({ do: "deliver", message: m.number }), { "data-key": "deliver" }),
      button("Back to the node", () => select(m.to), { "data-key": "to-node" })),
  ];
}

function nodePanel(n) {
  if (!n) return [html("h2", { id: "panel-title" }, "No node yet")];
  const down = n.role === "down";
  const go = (text, action, more = {}) => button(text, () => act({ node: n.id, ...action }), { "data-key": text.replace(/ S\d/, ""), ...more });
  const others = state.view.nodes.filter((o) => o.id !== n.id);
  const leader = state.view.nodes.filter((o) => o.role === "leader").sort((a, b) => b.term - a.term)[0];
  return [
    html("h2", { id: "panel-title" }, `S${n.id} `, html("span", { class: "role" }, ...describeNode(n))),
    html("p", { class: "facts" }, facts(n)),
    html("div", { class: "buttons" },
      html("span", { class: "what" }, "Write"),
      html("form", { class: "inline", onsubmit: (event) => propose(event, n.id) },
        dataField(),
        html("button", { type: "submit", id: "propose", disabled: down, "data-key": "propose" }, "Propose")),
      html("p", { id: "hint", role: "status", class: hint.bad ? "bad" : "" }, hint.bad || hint.step === state.view.at ? hint.text : "")),
    html("div", { class: "buttons", role: "group", "aria-label": "Reads" },
      html("span", { class: "what" }, "Read"),
      go("ask a majority", { do: "read" }, { disabled: down, title: "A linearizable read: the leader proves with a round of heartbeats that it still leads (thesis §6.4)" }),
      go("by lease", { do: "lease" }, { disabled: down, title: "The leader answers at once while its lease lasts, which it has by an earlier round (thesis §6.4.1)" }),
      go("ask nobody", { do: "stale" }, { disabled: down, title: "The node answers from its own state and asks nobody: it may be stale" })),
    html("div", { class: "buttons", role: "group", "aria-label": "Faults" },
      html("span", { class: "what" }, "Node"),
      down ? go("Restart", { do: "restart" }, { class: "change" }) : go("Crash", { do: "crash" }, { class: "change" }),
      go("Campaign now", { do: "campaign" }, { disabled: down || n.role === "leader" }),
      go("Make it leader", { do: "transfer", node: leader?.id, peer: n.id }, { disabled: !leader || leader.id === n.id, title: "The leader hands over to this node (thesis §3.10)" }),
      go("Compact log", { do: "compact" }, { disabled: down, title: "Drops what is applied from the log. Who needs it gets a snapshot." })),
    html("div", { class: "buttons" },
      html("span", { class: "what" }, "Speed"),
      choice("Disk", n.disk, ["fast", "slow", "dead", "lying"], (text) => act({ do: "disk", node: n.id, text }),
        "slow: a write takes 6 ticks. dead: no write ends. lying: says that a write is durable when it is not, and forgets it in a crash"),
      choice("Clock", n.clock, ["normal", "fast", "slow", "stopped"], (text) => act({ do: "clock", node: n.id, text }),
        "fast: it goes twice as fast as the others. slow: half as fast. stopped: the node notices no timeout")),
    html("div", { class: "buttons", role: "group", "aria-label": `Links of S${n.id}` },
      html("span", { class: "what" }, "Links"),
      ...others.map((o) => linkButton(n, o)),
      go(`Cut all of S${n.id}`, { do: "isolate" }), go(`Mend all of S${n.id}`, { do: "rejoin" }), go("Mend all links", { do: "heal" })),
    html("div", { class: "buttons", role: "group", "aria-label": "The cluster" },
      html("span", { class: "what" }, "Cluster"),
      go("Remove S" + n.id, { do: "remove" }, { disabled: !leader || n.member === "none", "data-key": "remove" }),
      go("Add a node", { do: "add" }, { disabled: !leader || state.view.nodes.length >= 7 })),
  ];
}

function dataField() {
  const field = html("input", {
    id: "data", size: 6, maxlength: 40, placeholder: state.view.next, "aria-label": "Data to propose", "aria-describedby": "hint", autocomplete: "off", "data-key": "data",
    oninput: (event) => {
      typed = event.target.value;
      if (hint.bad) hint = { step: -1 };
      if (hint.step < 0) panel.querySelector("#hint").textContent = "";
    },
  });
  field.value = typed;
  return field;
}

// propose proposes what is typed. What is wrong with it is said below the field, and it stays.
function propose(event, node) {
  event.preventDefault();
  const text = typed;
  typed = event.target.elements.data.value = "";
  const error = act({ do: "propose", node, text });
  hint = { step: state.view.at, text: "" };
  if (error) {
    showError("");
    typed = text;
    hint = { step: state.view.at, text: error, bad: true };
  } else if (!state.playing && state.view.record.output.trim() === "ok") {
    hint.text = `S${node} has it, and handles it in the next tick.`;
  }
  draw();
}

function linkButton(n, o) {
  const cut = state.view.cut.some((l) => l.includes(n.id) && l.includes(o.id));
  return button(`${cut ? "✂ " : ""}S${o.id}`, () => act({ do: cut ? "mend" : "cut", node: n.id, peer: o.id }), {
    "aria-pressed": String(cut), class: cut ? "peer cut" : "peer", title: cut ? "cut; press to mend" : "whole; press to cut", "data-key": "link" + o.id,
  });
}

function choice(name, value, values, change, title) {
  const select = html("select", { onchange: (event) => change(event.target.value), title, "data-key": name },
    ...values.map((v) => html("option", { value: v, selected: v === value }, v)));
  return html("label", {}, name + " ", select);
}

function describeNode(n) {
  const member = { voter: "", learner: ", a learner", leaving: ", about to leave", none: ", not a member" }[n.member];
  if (n.role === "down") return ["is down" + member];
  if (n.role === "stopped") return ["has stopped itself" + member];
  return [word(n.role), member];
}

function facts(n) {
  const list = [`Term ${n.term}`, n.vote ? `voted for S${n.vote}` : "has not voted"];
  if (n.lead && n.role !== "leader") list.push(`follows S${n.lead}`);
  list.push(`committed up to ${n.commit}, applied up to ${n.applied}`);
  if (n.role === "follower") list.push(`election timeout: ${n.heard} ticks of ${n.timeout} to ${2 * n.timeout - 1}`);
  if (n.writes > 0) list.push(n.diskWait < 0 ? `${n.writes} writes wait for a dead disk` : `${n.writes} writes under way, the first is done in ${n.diskWait} ticks`);
  return list.join("; ") + ".";
}

const progressWords = {
  StateProbe: "asks where the logs part",
  StateReplicate: "sends new entries at once",
  StateSnapshot: "waits for a snapshot to arrive",
};

function progress(n) {
  const head = html("tr", {}, ...["member", "matchIndex", "nextIndex", "what it does"].map((h) => html("th", { scope: "col" }, word(h))));
  const rows = n.progress.map((p) => html("tr", {},
    html("th", { scope: "row" }, "S" + p.id), html("td", {}, String(p.match)), html("td", {}, String(p.next)),
    html("td", {}, p.id === n.id ? "writes to its own disk" : progressWords[p.state] ?? p.state)));
  return html("table", { class: "progress" }, html("caption", {}, `What S${n.id} knows of the logs`), html("thead", {}, head), html("tbody", {}, ...rows));
}
