// Tasks for somebody who is here for the first time, one after the other.

import { state } from "./state.js";

const tasks = [
  {
    text: "Press play. The followers' clocks run (the rings). One runs out first, asks for votes, and a majority makes it the leader.",
    done: (v) => v.nodes.some((n) => n.role === "leader"),
  },
  {
    text: "There is a leader ★. Press Propose: its entry goes to the others, and commits when a majority has it on disk.",
    done: (v) => v.nodes.some((n) => n.content !== ""),
  },
  {
    text: "Break a majority: draw a line that cuts off the leader and one other node. Then propose again at this leader, and let time pass.",
    done: (v) => v.cut.length > 0 && v.says.some((s) => s.text.includes("is not committed") && s.because?.some((why) => why.includes("is cut"))),
  },
  {
    text: "“What waits for what” says why the entry does not commit. Read at this leader, with a round, by lease, and from its own state: which are answered?",
    done: (v) => v.cut.length > 0 && v.reads.length > 0,
  },
  {
    text: "Let time pass until the others have a leader. Then mend every link, and see which entries stay.",
    done: (v) => v.cut.length === 0 && new Set(v.nodes.filter((n) => n.role !== "down").map((n) => `${n.last} ${n.lastTerm} ${n.commit}`)).size === 1,
  },
  { text: "Break a rule: choose a library that lacks one, and play the lesson. Then play it with the rule.", done: () => false },
];

let task = 0;

// draw shows the first task that is not done.
export function draw() {
  if (tasks[task].done(state.view)) task++;
  document.querySelector("#coach .text").textContent = `${task + 1} of ${tasks.length}. ${tasks[task].text}`;
}

// listen connects the buttons.
export function listen() {
  document.querySelector("#next-task").addEventListener("click", () => {
    task = (task + 1) % tasks.length;
    draw();
  });
  document.querySelector("#no-coach").addEventListener("click", () => {
    document.querySelector("#coach").hidden = true;
  });
}
