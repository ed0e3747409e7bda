// The state of the page, and who is told when it changes.

import { call } from "./core.js";

export const state = {
  view: null, // what the library says is to be drawn
  selected: 1, // the id of a node
  chosen: false, // somebody has chosen it, or done something; until then it is the leader
  message: 0, // the number of a message in flight, 0 for none
  playing: false,
  pace: 900, // milliseconds a beat
  began: 0, // when the beat on show began
};

const listeners = [];

// onChange has f called after each change.
export function onChange(f) {
  listeners.push(f);
}

// changed tells everybody.
export function changed() {
  for (const f of listeners) f(state);
}

// ask calls the library, takes over the view and shows an error. It returns the answer.
export function ask(method, argument) {
  const answer = call(method, argument);
  showError(answer.error);
  if (method !== "beat" && method !== "do") showNotice("");
  if (answer.view) {
    state.view = answer.view;
    state.began = performance.now();
    choose(answer.view);
    if (!answer.view.messages.some((m) => m.number === state.message)) state.message = 0;
    if (answer.error) state.playing = false;
    changed();
  }
  return answer;
}

// choose selects the leader as long as nobody has chosen a node.
function choose(view) {
  const leader = view.nodes.find((n) => n.role === "leader");
  if (!state.chosen && leader) state.selected = leader.id;
  if (state.selected > view.nodes.length) state.selected = 1;
}

// act does something to the cluster. What a client is told is shown. It returns the error.
export function act(action) {
  state.chosen = true;
  const { view, error } = ask("do", JSON.stringify(action));
  const { command, note, output } = view?.record ?? {};
  const told = /^(propose|campaign|transfer|add-server|step-down|restart)/.test(command) || note.startsWith("stale-read");
  showNotice(!error && told && output.trim() !== "ok" ? `${command || "A read"}: ${output.trim()}` : "");
  return error;
}

function showNotice(text) {
  const place = document.querySelector("#notice");
  place.hidden = !text;
  place.textContent = text;
}

// select shows a node.
export function select(id) {
  state.selected = id;
  state.chosen = true;
  state.message = 0;
  changed();
}

// selectMessage shows a message.
export function selectMessage(number) {
  state.message = number;
  changed();
}

// showError shows an error, or hides the last one.
export function showError(text) {
  const place = document.querySelector("#error");
  place.hidden = !text;
  place.textContent = text || "";
}
