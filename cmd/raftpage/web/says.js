// What the cluster waits for, what is broken, and what a story says.

import { html } from "./dom.js";
import { state } from "./state.js";

const moods = { ok: ["✓", "well"], wait: ["…", "waits"], bad: ["!", "stuck"] };

// draw draws the texts.
export function draw() {
  const { view } = state;
  const list = view.says.map((s) => {
    const [sign, word] = moods[s.mood];
    return html("li", { class: s.mood },
      html("span", { class: "sign", title: word }, sign), html("span", { class: "text" }, s.text),
      s.because ? html("ul", {}, ...s.because.map((why) => html("li", {}, why))) : null);
  });
  document.querySelector("#says").replaceChildren(...list);
  showBroken(view);
  showComment(view);
}

// showComment shows what a story says, in paragraphs and tables, and how to go on.
function showComment(view) {
  const { comment, at, len } = view;
  const place = document.querySelector("#comment");
  place.hidden = !comment;
  if (!comment) return;
  const text = comment.replace(/\nSubject: .*$/, "").replace(/(\S)\n(?=\S)/g, "$1 ");
  const lines = text.split("\n").map((line) => html(line.startsWith(" ") ? "pre" : "div", {}, line));
  if (view.without) lines.unshift(html("div", { class: "legend" }, "What nodes with all rules do. Here a rule is missing: compare with the picture."));
  if (at < len) lines.push(html("div", { class: "legend" }, "▶ play goes on to the next comment, or to the end."));
  place.replaceChildren(...lines);
}

// brokenNames lists the properties that are broken, each once.
export function brokenNames(view) {
  return [...new Set((view.broken ?? []).map((what) => what.split(":")[0]))];
}

// plainest are the properties that a newcomer knows, the best known first.
const plainest = ["election safety", "leader completeness", "state machine safety", "read safety"];

// showBroken shows the best known property that is broken, and folds the others.
function showBroken(view) {
  const rank = (name) => (plainest.includes(name) ? plainest.indexOf(name) : plainest.length);
  const lines = brokenNames(view).sort((a, b) => rank(a) - rank(b)).map((name) => {
    const all = view.broken.filter((what) => what.startsWith(name + ":"));
    return all[0] + (all.length > 1 ? ` (and ${all.length - 1} more)` : "");
  });
  const place = document.querySelector("#broken");
  place.hidden = lines.length === 0;
  const text = lines.join("\n");
  if (place.dataset.text === text) return; // what is unfolded stays so
  place.dataset.text = text;
  const [first, ...others] = lines;
  place.replaceChildren("Broken! ", first ?? "");
  if (others.length > 0) place.append(html("details", {}, html("summary", {}, `broken, too: ${others.length}`), others.join("\n")));
}
