// Time: playing, stepping, and going back.

import { html } from "./dom.js";
import { state, ask, changed } from "./state.js";
import { notable } from "./history.js";
import { brokenNames } from "./says.js";
import { move } from "./stage.js";

const $ = (id) => document.getElementById(id);
const slider = $("slider");
let lastBeat = 0;

// draw draws the controls.
export function draw() {
  const { view } = state;
  slider.max = view.len;
  slider.value = view.at;
  slider.setAttribute("aria-valuetext", `step ${view.at} of ${view.len}`);
  $("play").textContent = state.playing ? "❚❚ pause" : "▶ play";
  $("back").disabled = $("begin").disabled = view.at === 0;
  $("end").disabled = view.at === view.len;
  const past = view.at < view.len ? " You are in the past: what you do now replaces what follows." : "";
  $("now").textContent = `Tick ${view.beat}.${past}`;
  const latest = notable().findLast((r) => r.step <= view.at);
  const text = latest ? `Tick ${latest.beat}: ${latest.events.map((e) => e.text.trim()).join("; ").replace(/\.$/, "")}.` : "";
  if ($("latest").textContent !== text) $("latest").textContent = $("latest").title = text; // it is read aloud once
  drawMarks();
}

const signs = { elected: "★", fault: "✂", broken: "!", member: "±" };

function drawMarks() {
  const { view } = state;
  const marks = [];
  const ends = {}; // where the last mark of each kind stands, in percent
  for (const r of notable()) {
    const event = r.events.find((e) => e.kind === "broken") ?? r.events.find((e) => signs[e.kind]);
    const at = (100 * r.step) / Math.max(view.len, 1);
    if (!event || at - (ends[event.kind] ?? -9) < 1.5) continue;
    ends[event.kind] = at;
    const mark = html("span", { class: "mark " + event.kind, title: event.text }, signs[event.kind]);
    mark.style.left = `${at}%`;
    marks.push(mark);
  }
  $("marks").replaceChildren(...marks);
}

// setPlaying starts or stops time.
export function setPlaying(playing) {
  state.playing = playing;
  lastBeat = 0;
  changed();
}

function frame(now) {
  if (state.playing && document.visibilityState === "visible") {
    if (now - lastBeat >= state.pace) {
      lastBeat = now;
      playBeat();
    } else {
      move();
    }
  }
  requestAnimationFrame(frame);
}

// playBeat lets a beat pass, and stops where there is something to read: a comment, a property that
// is broken for the first time, the end of what was done before.
function playBeat() {
  const before = state.view;
  ask("beat");
  const { view } = state;
  const broke = brokenNames(view).length > brokenNames(before).length;
  const ends = before.at < before.len && view.at === view.len;
  if (view.said > before.said || broke || ends) setPlaying(false);
}

const pauseAnd = (f) => () => {
  if (state.playing) setPlaying(false);
  f();
};

const commands = {
  begin: pauseAnd(() => ask("goto", "0")),
  back: pauseAnd(() => ask("goto", String(Math.max(0, state.view.at - 1)))),
  step: pauseAnd(() => ask("step")),
  beat: pauseAnd(() => ask("beat")),
  end: pauseAnd(() => ask("goto", String(state.view.len))),
  play: () => setPlaying(!state.playing),
};

const keys = { ArrowLeft: "back", ArrowRight: "step", ArrowUp: "beat", Home: "begin", End: "end", " ": "play" };

// start listens to buttons and keys, and lets time pass.
export function start() {
  for (const [id, command] of Object.entries(commands)) $(id).addEventListener("click", command);
  slider.addEventListener("input", pauseAnd(() => ask("goto", slider.value)));
  $("speed").addEventListener("change", (event) => {
    state.pace = Number(event.target.value);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, summary, pre");
    const pressing = event.key === " " && event.target.closest("button");
    if (typing || pressing || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    commands[keys[event.key]]();
  });
  requestAnimationFrame(frame);
}
