// The steps of the run with something to see. They are asked for once.

import { state } from "./state.js";
import { call } from "./core.js";

let list = []; // records with events
let known = 0; // the steps that are in it

// forget is for a new run.
export function forget() {
  list = [];
  known = 0;
}

// notable returns the records with events. Steps that were not carried out yet have none.
export function notable() {
  const { view } = state;
  // A run that takes another way differs from where it stands on.
  if (view.len <= known || view.at < known) list = list.filter((r) => r.step < Math.min(view.at, view.len));
  const from = Math.min(known, Math.max(0, view.at - 1)) + 1;
  list = list.filter((r) => r.step < from);
  const { records = [] } = call("records", JSON.stringify([from, view.len + 1]));
  list.push(...records.filter((r) => r.events?.length));
  known = view.at;
  return list;
}
