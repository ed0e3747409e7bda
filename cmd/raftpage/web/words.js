// Words of Raft, with what they mean: when the pointer is on one, and when it is pressed.

import { button } from "./dom.js";

const meanings = {
  follower: "Answers leaders and candidates. When it hears of no leader for its election timeout, it campaigns.",
  "pre-candidate": "Asks the others whether they would vote for it, before it campaigns in a new term. A node that could not win disturbs nobody that way (pre-vote, thesis §9.6).",
  candidate: "Campaigns: it has voted for itself in a new term, and asks the others for their votes. It leads when a majority votes for it.",
  leader: "Takes the writes of clients and sends them to the others. A term has at most one leader.",
  matchIndex: "The leader knows that this member's log is equal to its own up to this entry. An entry of its own term that a majority has is committed (thesis §3.6.2).",
  nextIndex: "The next entry that the leader sends to this member. It goes back as long as the logs do not fit.",
};

// word is a word that can be asked about, or a text without a meaning of its own.
export function word(text) {
  const meaning = meanings[text];
  if (!meaning) return text;
  return button(text, (event) => show(event.currentTarget, meaning), { class: "word", title: meaning, "data-key": "word-" + text });
}

// show shows the meaning near the word until something else is pressed.
function show(element, meaning) {
  const place = document.querySelector("#meaning");
  place.textContent = meaning;
  place.showPopover();
  const { left, bottom } = element.getBoundingClientRect();
  place.style.left = `${Math.max(12, Math.min(left, innerWidth - place.offsetWidth - 12))}px`;
  place.style.top = `${Math.min(bottom + 4, innerHeight - place.offsetHeight - 12)}px`;
}
