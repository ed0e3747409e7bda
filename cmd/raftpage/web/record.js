// What was done, as a list, and what the last command printed.

import { html, button } from "./dom.js";
import { state, ask, changed } from "./state.js";
import { call } from "./core.js";
import { notable } from "./history.js";

const list = document.querySelector("#record");
const every = document.querySelector("#every");
const before = 40; // how many records are listed before the present one
const after = 15;

every.addEventListener("change", changed);

// draw draws the list around the present step.
export function draw() {
  const { view } = state;
  list.replaceChildren(...listed().map(item));
  const present = list.querySelector(".present");
  if (present) list.scrollTop = present.offsetTop - list.clientHeight + present.clientHeight + 30;
  const { record } = view;
  document.querySelector("#output").textContent = record.step === 0 ? "" : `${commandOf(record)}\n\n${record.output}`
    + (record.differs ? `\n\nThe script expects something else here:\n${record.expected}` : "");
  drawReads(view.reads);
}

function listed() {
  const { at } = state.view;
  if (every.checked) return call("records", JSON.stringify([Math.max(1, at - before), at + after + 1])).records ?? [];
  const records = notable();
  const present = records.findLastIndex((r) => r.step <= at);
  return records.slice(Math.max(0, present - before), present + after);
}

function item(r, i, all) {
  const { at } = state.view;
  const present = r.step <= at && !(all[i + 1]?.step <= at);
  const text = commandOf(r).split("\n").join(" ⏎ ");
  const events = (r.events || []).map((e) => html("span", { class: "event " + e.kind }, e.text));
  const classes = ["record", present ? "present" : "", r.step > at ? "future" : "", r.differs ? "differs" : ""].join(" ").trim();
  const go = button("", () => ask("goto", String(r.step)), { class: "plain", title: `step ${r.step}: go there` });
  if (every.checked) go.append(text.length > 60 ? text.slice(0, 58) + " …" : text, " ");
  go.append(...events);
  return html("li", { class: classes }, html("span", { class: "beat" }, `tick ${r.beat}`), go,
    r.differs ? html("span", { class: "event broken" }, " the script expects something else") : null);
}

const commandOf = (r) => r.command || (r.note ? "page: " + r.note : "");

const how = { index: "ask a majority", lease: "by lease", stale: "ask nobody" };

function drawReads(reads) {
  document.querySelector("#reads-box").hidden = !reads?.length;
  if (!reads?.length) return;
  const head = html("tr", {}, ...["read", "at", "how", "index", "answer"].map((h) => html("th", { scope: "col" }, h)));
  const rows = reads.map((r) => html("tr", { class: r.state },
    html("th", { scope: "row" }, r.name), html("td", {}, "S" + r.node), html("td", {}, how[r.how]), html("td", {}, r.index ? String(r.index) : "–"),
    html("td", {}, r.state === "answered" ? `“${r.text}”` : r.state + (r.text ? ": " + r.text : ""))));
  document.querySelector("#reads").replaceChildren(html("thead", {}, head), html("tbody", {}, ...rows));
}
