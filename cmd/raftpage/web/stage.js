// The cluster as a picture: nodes in a circle, links, and messages on their way.

import { svg, redraw, termClass } from "./dom.js";
import { state, act, select, selectMessage } from "./state.js";
import { label, describe } from "./messages.js";
import { enableCutting } from "./cutting.js";

const stage = document.querySelector("#stage");
const radius = 32;
const narrow = matchMedia("(max-width: 600px)");
const wideStage = { width: 640, height: 390, x: 320, y: 176, rx: 235, ry: 130 };
const narrowStage = { width: 400, height: 420, x: 200, y: 200, rx: 145, ry: 145 };
const layers = { links: svg("g"), messages: svg("g"), nodes: svg("g"), pen: svg("g") };
stage.append(layers.links, layers.nodes, layers.messages, layers.pen);

// place is where a node of n stands, the first one at the top.
export function place(id, n) {
  const angle = ((id - 1) / n) * 2 * Math.PI - Math.PI / 2;
  const s = narrow.matches ? narrowStage : wideStage;
  return { x: s.x + s.rx * Math.cos(angle), y: s.y + s.ry * Math.sin(angle) };
}

narrow.addEventListener("change", () => draw());

// draw draws the stage.
export function draw() {
  const { width, height } = narrow.matches ? narrowStage : wideStage;
  stage.setAttribute("viewBox", `0 0 ${width} ${height}`);
  redraw(layers.links, ...links());
  redraw(layers.nodes, ...state.view.nodes.map(node));
  redraw(layers.messages, ...state.view.messages.map(message));
  move();
}

// isLost reports whether a message is on a link that is cut.
const isLost = (m) => isCut(Math.min(m.from, m.to), Math.max(m.from, m.to));
const isCut = (a, b) => state.view.cut.some((l) => l[0] === a && l[1] === b);

// pairs lists the links.
export function pairs() {
  const n = state.view.nodes.length;
  const list = [];
  for (let a = 1; a <= n; a++) {
    for (let b = a + 1; b <= n; b++) list.push({ a, b, from: place(a, n), to: place(b, n), cut: isCut(a, b) });
  }
  return list;
}

function links() {
  return pairs().map(({ a, b, from, to, cut }) => {
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
    const toggle = () => act({ do: cut ? "mend" : "cut", node: a, peer: b });
    const x = (from.x + to.x) / 2;
    const y = (from.y + to.y) / 2;
    return svg("g", { class: cut ? "link cut" : "link", "data-link": `${a}-${b}`, onclick: toggle },
      svg("title", {}, `S${a}–S${b}: ${cut ? "cut; click to mend" : "whole; click, or draw a line across, to cut"}`),
      svg("line", { class: "grip", ...ends }),
      svg("line", { class: "wire", ...ends }),
      cut && svg("text", { class: "scissors", x, y: y + 6, "text-anchor": "middle" }, "✂"),
    );
  });
}

function node(n) {
  const at = place(n.id, state.view.nodes.length);
  const aria = `S${n.id}, ${n.role}, term ${n.term}${n.member === "voter" ? "" : ", " + memberText(n)}`;
  const choose = () => select(n.id);
  const onkeydown = (event) => {
    if (event.key === "Enter") choose();
  };
  return svg("g", {
    class: `node ${n.role} ${n.member}${n.id === state.selected ? " selected" : ""}`, transform: `translate(${at.x} ${at.y})`,
    tabindex: 0, role: "button", "aria-label": aria, "aria-pressed": String(n.id === state.selected),
    "data-key": "node" + n.id, "data-id": n.id, onclick: choose, onkeydown,
  },
  svg("title", {}, aria),
  ...outline(n),
  ...timer(n),
  svg("text", { class: "name", y: -4, "text-anchor": "middle" }, (n.role === "leader" ? "★ " : "") + "S" + n.id),
  svg("text", { class: "term", y: 13, "text-anchor": "middle" }, n.role === "down" ? "down" : "term " + n.term),
  ...captions(n).map((text, i) => svg("text", { class: "caption", y: radius + 19 + 14 * i, "text-anchor": "middle" }, text)),
  );
}

// outline is the shape of a role.
function outline(n) {
  const fill = n.role === "down" ? "" : termClass(n.term);
  const diamond = `M0 ${-radius - 10} L${radius + 12} 0 L0 ${radius + 10} L${-radius - 12} 0 Z`;
  switch (n.role) {
    case "candidate":
    case "pre-candidate":
      return [svg("path", { class: "body " + fill, d: diamond })];
    case "stopped":
      return [svg("rect", { class: "body " + fill, x: -radius, y: -radius, width: 2 * radius, height: 2 * radius })];
    case "down":
      return [svg("circle", { class: "body", r: radius }), svg("path", { class: "cross", d: "M-20 -20 L20 20 M20 -20 L-20 20" })];
  }
  return [svg("circle", { class: "body " + fill, r: radius })];
}

// timer is a ring that fills while a follower hears of no leader. When it is full, the shortest
// election timeout has passed.
function timer(n) {
  if (n.role !== "follower" || n.member === "none" || n.member === "learner") return [];
  const part = Math.min(n.heard / n.timeout, 1);
  const r = radius + 6;
  if (part >= 1) return [svg("circle", { class: "timer full", r })];
  const angle = part * 2 * Math.PI - Math.PI / 2;
  return [svg("circle", { class: "track", r }), part > 0 && svg("path", {
    class: "timer", d: `M0 ${-r} A${r} ${r} 0 ${part > 0.5 ? 1 : 0} 1 ${r * Math.cos(angle)} ${r * Math.sin(angle)}`,
  })];
}

const memberText = (n) => ({ learner: "learner", leaving: "leaving", none: "no member" })[n.member] || "";

// captions are what stands below a node.
function captions(n) {
  const list = [];
  const role = n.role === "follower" || n.role === "down" ? "" : n.role === "stopped" ? "has stopped itself" : n.role;
  const first = [role, n.member === "voter" ? "" : memberText(n)].filter(Boolean).join(", ");
  if (first) list.push(first);
  if (n.vote && n.role !== "leader" && n.role !== "candidate") list.push(`voted for S${n.vote}`);
  if (n.disk !== "fast") list.push(`disk ${n.disk}${n.writes ? `, ${n.writes} to write` : ""}`);
  if (n.clock !== "normal") list.push(`clock ${n.clock}`);
  return list;
}

// message is a pill that move puts in its place.
function message(m) {
  const text = label(m);
  const about = describe(m) + (isLost(m) ? ", is lost at the cut" : "");
  const width = 14 + 8 * text.length;
  const choose = () => selectMessage(m.number);
  const onkeydown = (event) => {
    if (event.key === "Enter") choose();
  };
  return svg("g", {
    class: "message" + (m.number === state.message ? " selected" : "") + (m.reject ? " reject" : "") + (isLost(m) ? " lost" : ""),
    tabindex: 0, role: "button", "aria-label": about, "data-key": "message" + m.number, "data-number": m.number,
    onclick: choose, onkeydown,
  },
  svg("title", {}, about),
  svg("rect", { class: termClass(m.term), x: -width / 2, y: -10, width, height: 20, rx: m.type.endsWith("Resp") ? 10 : 3 }),
  svg("text", { y: 5, "text-anchor": "middle" }, text),
  );
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

// move puts the messages where they are: half-way while time stands still.
export function move() {
  const n = state.view.nodes.length;
  const passed = Math.min((performance.now() - state.began) / state.pace, 1);
  const part = state.playing && !still.matches ? 0.08 + 0.84 * passed : 0.5;
  const lane = {};
  for (const [i, m] of state.view.messages.entries()) {
    const from = place(m.from, n);
    const to = place(m.to, n);
    const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const along = { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
    const key = `${m.from}-${m.to}`;
    lane[key] = (lane[key] ?? -1) + 1;
    const way = radius + (length - 2 * radius) * (isLost(m) ? Math.min(part, 0.5) : part) - 44 * lane[key];
    const x = from.x + along.x * way - along.y * 13;
    const y = from.y + along.y * way + along.x * 13;
    layers.messages.children[i]?.setAttribute("transform", `translate(${x} ${y})`);
  }
}

enableCutting(stage, layers.pen, pairs);
