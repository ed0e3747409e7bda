// New clusters, stories, scripts, and libraries that lack a rule.

import { html } from "./dom.js";
import { state, ask, showError } from "./state.js";
import { load, call } from "./core.js";
import { forget } from "./history.js";
import { setPlaying } from "./time.js";

const $ = (id) => document.getElementById(id);
let lessons = [];
let lesson = null; // the one on show
let lacks = ""; // the rule that the library lacks

// begin fills the menu and starts the first cluster.
export async function begin() {
  await use("");
  lessons = call("lessons").lessons;
  const stories = await (await fetch("stories.json")).json();
  $("rule").append(...lessons.map((l) => html("option", { value: l.rule }, "a node " + l.title)));
  $("story").append(...stories.map((s) => html("option", { value: s.file, title: s.about }, s.file.replace(".txt", "").replaceAll("_", " "))));
  newCluster();
}

// use runs a library that lacks a rule, or the whole one. It is compiled when it is asked for.
async function use(rule) {
  $("wait").hidden = false;
  $("wait").textContent = rule ? "Taking the rule out. This takes some seconds …" : "Loading the library …";
  document.body.classList.add("busy");
  try {
    await load(rule);
    lacks = rule;
  } finally {
    $("wait").hidden = true;
    document.body.classList.remove("busy");
  }
}

function newCluster() {
  lesson = null;
  start("new", JSON.stringify({
    nodes: Number($("nodes").value), preVote: $("pre-vote").checked, checkQuorum: $("check-quorum").checked,
    lease: $("lease").checked && $("check-quorum").checked, seed: Number($("seed").value),
  }));
}

// start begins another run.
function start(method, argument) {
  Object.assign(state, { playing: false, selected: 1, chosen: false, message: 0 });
  forget();
  ask(method, argument);
  drawLacks();
}

async function openStory(file) {
  const response = await fetch("stories/" + encodeURIComponent(file));
  if (!response.ok) return showError(await response.text());
  lesson = null;
  start("open", await response.text());
}

// openFile opens a script with the library that it was saved with.
async function openFile(script) {
  const rule = script.match(/^# page: without (\S+)$/m)?.[1] ?? "";
  if (rule !== lacks) {
    if (rule && !lessons.some((l) => l.rule === rule)) return showError(`The script was saved with a library that lacks the rule ${rule}, which this page does not know.`);
    await use(rule);
  }
  lesson = null;
  start("open", script);
}

async function teach(chosen, rule) {
  setPlaying(false);
  await use(rule);
  lesson = chosen;
  start("lesson", chosen.rule);
}

// drawLacks says which rule the library lacks.
function drawLacks() {
  const about = lessons.find((l) => l.rule === lacks) ?? lesson;
  $("lacks").hidden = !about;
  if (!about) return;
  $("lacks").classList.toggle("whole", !lacks);
  $("lacks").querySelector("span").textContent = lacks
    ? `A rule of Raft is missing here: a node ${about.title}.`
    : `All rules hold here. Without the rule of this lesson, a node ${about.title}.`;
  $("with-rule").hidden = !lesson;
  $("with-rule").textContent = lacks ? "Same lesson with the rule" : "Same lesson without the rule";
}

function save() {
  const { script } = ask("script");
  if (script === undefined) return;
  const url = URL.createObjectURL(new Blob([script], { type: "text/plain" }));
  html("a", { href: url, download: "run.txt" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// guarded shows what goes wrong.
const guarded = (f) => async (event) => {
  try {
    await f(event);
  } catch (error) {
    showError(error.message);
  }
};

function showForm(shown) {
  $("new-form").hidden = !shown;
  $("new-button").setAttribute("aria-expanded", String(shown));
}

// listen connects the menu.
export function listen() {
  $("new-button").addEventListener("click", () => {
    showForm($("new-form").hidden);
  });
  $("new-form").addEventListener("submit", (event) => {
    event.preventDefault();
    showForm(false);
    newCluster();
  });
  $("story").addEventListener("change", guarded(async (event) => {
    const file = event.target.value;
    event.target.value = "";
    if (file) await openStory(file);
  }));
  $("open").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", guarded(async (event) => {
    const [file] = event.target.files;
    if (file) await openFile(await file.text());
    event.target.value = "";
  }));
  $("save").addEventListener("click", save);
  $("rule").addEventListener("change", guarded(async (event) => {
    const chosen = lessons.find((l) => l.rule === event.target.value);
    event.target.value = "";
    if (chosen) await teach(chosen, chosen.rule);
  }));
  $("with-rule").addEventListener("click", guarded(() => teach(lesson, lacks ? "" : lesson.rule)));
  $("whole").addEventListener("click", guarded(async () => {
    if (lacks) await use("");
    newCluster();
  }));
}
