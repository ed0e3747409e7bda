// What messages are called.

const kinds = {
  MsgApp: ["A", "append"],
  MsgAppResp: ["A", "answer to an append"],
  MsgHeartbeat: ["♥", "heartbeat"],
  MsgHeartbeatResp: ["♥", "answer to a heartbeat"],
  MsgVote: ["V?", "asks for a vote"],
  MsgVoteResp: ["V", "answer to a request for a vote"],
  MsgPreVote: ["P?", "asks whether a vote would be given (pre-vote)"],
  MsgPreVoteResp: ["P", "answer to a pre-vote"],
  MsgSnap: ["Snap", "snapshot"],
  MsgProp: ["Prop", "proposal, passed on to the leader"],
  MsgReadIndex: ["R?", "asks the leader for the index of a read"],
  MsgReadIndexResp: ["R", "index of a read"],
  MsgTimeoutNow: ["Now!", "order to campaign at once"],
  MsgTransferLeader: ["Move", "request to transfer the leadership"],
};

// label is what stands on a message.
export function label(m) {
  const [short] = kinds[m.type] || [m.type.replace("Msg", "")];
  if (m.type === "MsgApp" && m.count > 0) return short + " " + (m.count > 1 ? `${m.index + 1}–${m.last}` : m.last);
  if (m.type === "MsgApp") return short + "·";
  if (!m.type.endsWith("Resp")) return short;
  if (m.type === "MsgAppResp" && !m.reject) return `${short} ✓${m.index}`;
  return short + (m.reject ? " ✗" : " ✓");
}

// describe is a message in a sentence.
export function describe(m) {
  const [, long] = kinds[m.type] || ["", m.type];
  let text = `S${m.from} to S${m.to}: ${long}, term ${m.term}`;
  if (m.type === "MsgApp") {
    text += m.count === 0 ? `, no entries, follows entry ${m.index}` : `, entries ${m.index + 1} to ${m.last}`;
  }
  if (m.type === "MsgAppResp" && !m.reject) text += `, has everything up to ${m.index}`;
  if (m.reject) text += ", refused";
  return text;
}
