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
  show("#broken", brokenText(view));
  showComment(view);
}

// showComment shows what a story says, in paragraphs and tables, and how to go on.
function showComment({ comment, at, len }) {
  const place = document.querySelector("#comment");
  place.hidden = !comment;
  if (!comment) return;
  const text = comment.replace(/\nSubject: .*$/, "").replace(/(\S)\n(?=\S)/g, "$1 ");
  const lines = text.split("\n").map((line) => html(line.startsWith(" ") ? "pre" : "div", {}, line));
  if (at < len) lines.push(html("div", { class: "legend" }, "▶ play goes on to the next comment, or to the end."));
  place.replaceChildren(...lines);
}

// brokenNames lists the properties that are broken, each once.
export function brokenNames(view) {
  return [...new Set((view.broken ?? []).map((what) => what.split(":")[0]))];
}

function brokenText(view) {
  const lines = brokenNames(view).map((name) => {
    const all = view.broken.filter((what) => what.startsWith(name + ":"));
    return all[0] + (all.length > 1 ? ` (and ${all.length - 1} more)` : "");
  });
  return lines.length > 0 ? "Broken! " + lines.join("\n") : "";
}

function show(selector, text) {
  const place = document.querySelector(selector);
  place.hidden = !text;
  if (place.textContent !== (text || "")) place.textContent = text || "";
}
