// Tasks for somebody who is here for the first time, one after the other.

import { state } from "./state.js";
import { setPlaying } from "./time.js";

const leader = (v) => v.nodes.filter((n) => n.role === "leader").sort((a, b) => b.term - a.term)[0];
const isCut = (v, a, b) => v.cut.some((l) => l.includes(a.id) && l.includes(b.id));

// reached are the voters that a node can talk to, itself included.
const reached = (v, from) => v.nodes.filter((n) => n.member === "voter" && !["down", "stopped"].includes(n.role) && (n === from || !isCut(v, n, from)));
const needed = (v) => Math.floor(v.nodes.filter((n) => n.member === "voter").length / 2) + 1;
const lacksMajority = (v, n) => reached(v, n).length < needed(v);
// cutOff is a leader that reaches no majority.
const cutOff = (v) => v.nodes.find((n) => n.role === "leader" && lacksMajority(v, n));
const names = (nodes) => nodes.map((n) => "S" + n.id).join(", ");

// stuck is the entry that waits for nodes that cannot be reached.
const stuck = (v) => v.says.some((s) => s.text.includes("is not committed") && s.because?.some((why) => /is cut|is down/.test(why))
  && !s.because.some((why) => /under way|writes it|yet to/.test(why)));

// tasks say what to do. Where pause is set, time stands still once a task is done. On a small screen,
// what a task is about comes into view when the task begins.
const tasks = [
  {
    text: () => "Press play. The rings that fill are election timeouts. The node whose timeout passes first asks for votes, and leads when a majority votes for it.",
    done: (v) => leader(v),
  },
  {
    text: (v) => `${names([leader(v)])} leads ★. Write something: press Propose. The entry goes to the others, and commits when a majority has it on disk.`,
    needs: leader,
    shows: "#propose",
    done: (v) => v.nodes.some((n) => n.content !== ""),
  },
  {
    text: (v) => {
      const l = leader(v);
      const others = v.nodes.length - needed(v) - 1;
      const side = others > 0 ? `${names([l])} and ${others} more` : names([l]);
      const task = `Break the majority: draw a line across the picture that cuts ${side} off from the rest.`;
      return v.cut.length > 0 ? `${task} ${names([l])} still reaches ${names(reached(v, l))}, and ${needed(v)} are a majority: cut more.` : task;
    },
    needs: leader,
    shows: "#stage",
    done: (v) => lacksMajority(v, leader(v)),
    pause: true,
  },
  {
    text: (v) => `Time stands still: ${names([leader(v)])} reaches ${reached(v, leader(v)).length} of ${v.nodes.length}, and a majority is ${needed(v)}. Press Propose there, then play.`,
    needs: leader,
    shows: "#propose",
    undone: (v) => !lacksMajority(v, leader(v)), // somebody else leads by now
    done: stuck,
    pause: true,
  },
  {
    text: () => "Time stands still again. Why does the entry not commit? Look at the logs, and at “What waits for what”. Next goes on.",
    done: (v) => !cutOff(v), // somebody has mended the links, or time has gone on
  },
  {
    text: (v) => !cutOff(v)
      ? `Read at ${leader(v) ? names([leader(v)]) : "any node"}: ask a majority, by lease, and ask nobody. Then play. Which reads are answered?`
      : "Read at this leader: ask a majority, by lease, and ask nobody. Which reads are answered? Then play, and see the old leader step down.",
    done: (v) => v.reads.length > 0 && !cutOff(v),
  },
  {
    text: (v) => {
      if (leader(v) && v.cut.length === 0) return "Every link is whole. Play, and see which entries stay.";
      if (leader(v)) return `${names([leader(v)])} leads the others. Press Mend all links, play, and see which entries stay.`;
      const down = v.nodes.filter((n) => n.role === "down");
      return v.nodes.length - down.length < needed(v) ? `No majority is up. Choose ${names(down.slice(0, 1))} in the picture, press Restart, and play.` : "Play on until the others have a leader.";
    },
    done: (v) => leader(v) && v.cut.length === 0 && new Set(v.nodes.filter((n) => n.role !== "down").map((n) => `${n.last} ${n.lastTerm} ${n.commit}`)).size === 1,
  },
  { text: () => "Break a rule: choose at the top what goes wrong, and play the lesson. Then play it with the rule.", done: () => false },
];

let task = 0;
let shown = 0; // the task that was drawn last
let closed = false;
const small = matchMedia("(max-width: 900px)");

// draw shows the first task that is not done. A story or a lesson speaks for itself.
export function draw() {
  const box = document.querySelector("#coach");
  const { view } = state;
  box.hidden = closed || Boolean(view.comment);
  if (box.hidden) return;
  if (isPossible(view) && tasks[task].undone?.(view)) task--;
  const { pause } = tasks[task];
  if (isPossible(view) && tasks[task].done(view)) {
    next();
    if (pause && state.playing) return setPlaying(false); // which draws again
  }
  const place = box.querySelector(".text");
  const text = `${task + 1} of ${tasks.length}. ${isPossible(view) ? tasks[task].text(view) : "There is no leader now. Play on until there is one."}`;
  if (place.textContent !== text) place.textContent = text;
  const { shows } = tasks[task];
  if (shows && task !== shown && small.matches) document.querySelector(shows).scrollIntoView({ block: "center" });
  shown = task;
}

const isPossible = (v) => !tasks[task].needs || Boolean(tasks[task].needs(v));

function next() {
  task = (task + 1) % tasks.length;
}

// listen connects the buttons.
export function listen() {
  document.querySelector("#next-task").addEventListener("click", () => {
    next();
    draw();
  });
  document.querySelector("#no-coach").addEventListener("click", () => {
    closed = true;
    draw();
  });
}
