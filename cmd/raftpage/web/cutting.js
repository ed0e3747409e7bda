// Cutting links by drawing a line across them or from a node to another, and mending them the same
// way.

import { svg } from "./dom.js";
import { act } from "./state.js";

// enableCutting lets somebody draw on a stage. pairs lists the links.
export function enableCutting(stage, pen, pairs) {
  let from = null;
  const point = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(stage.getScreenCTM().inverse());
    const node = document.elementFromPoint(event.clientX, event.clientY)?.closest(".node");
    return { x: at.x, y: at.y, node: Number(node?.dataset.id) };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && !event.target.closest(".message")) from = point(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = point(event);
    pen.replaceChildren(svg("line", { class: "pen", x1: from.x, y1: from.y, x2: to.x, y2: to.y }));
  });
  const finish = (event) => {
    if (!from) return;
    const line = { from, to: point(event) };
    from = null;
    pen.replaceChildren();
    if (event.type === "pointercancel" || Math.hypot(line.to.x - line.from.x, line.to.y - line.from.y) < 12) return;
    // The click that ends the drawing toggles no link and chooses no node.
    const swallow = (click) => click.stopPropagation();
    stage.addEventListener("click", swallow, { capture: true });
    setTimeout(() => stage.removeEventListener("click", swallow, { capture: true }), 0);
    const crossed = pairs().filter((l) => isMeant(l, line));
    const whole = crossed.filter((l) => !l.cut);
    for (const l of whole.length > 0 ? whole : crossed) act({ do: l.cut ? "mend" : "cut", node: l.a, peer: l.b });
  };
  stage.addEventListener("pointerup", finish);
  stage.addEventListener("pointercancel", finish);
  stage.addEventListener("pointerleave", finish);
}

// isMeant reports whether a line is about a link. One between two nodes is about their link; any
// other about the links that it crosses.
function isMeant(link, line) {
  const ends = [line.from.node, line.to.node];
  const touches = [link.a, link.b].filter((id) => ends.includes(id)).length;
  return ends[0] && ends[1] ? touches === 2 : touches === 0 && crosses(line, link);
}

// side says on which side of a line a point is.
function side(line, p) {
  return Math.sign((line.to.x - line.from.x) * (p.y - line.from.y) - (line.to.y - line.from.y) * (p.x - line.from.x));
}

function crosses(a, b) {
  return side(a, b.from) !== side(a, b.to) && side(b, a.from) !== side(b, a.to);
}
