// Making elements.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

// html makes an element of HTML. Attributes that begin with "on" are listeners.
export function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// svg makes an element of SVG.
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(svgSpace, name), attributes, children);
}

// button makes a button of HTML.
export function button(text, onclick, attributes = {}) {
  return html("button", { type: "button", onclick, ...attributes }, text);
}

// termClass is the class that gives an element the colour of a term.
export function termClass(term) {
  return "term" + (term % 7);
}

let pressed = null; // what the pointer is held down on
const held = new Map(); // what to draw when it is let go

// A press and its release must meet the same element, or there is no click.
document.addEventListener("pointerdown", (event) => {
  pressed = event.target;
}, { capture: true });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => {
    pressed = null;
    const late = [...held];
    held.clear();
    for (const [place, children] of late) redraw(place, ...children);
  }));
}

// redraw replaces the children of an element and keeps the focus on the one with the same data-key.
export function redraw(place, ...children) {
  held.delete(place);
  if (pressed && place.contains(pressed)) {
    held.set(place, children);
    return;
  }
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place.replaceChildren(...children.filter(Boolean));
  if (key !== undefined) {
    for (const element of place.querySelectorAll("[data-key]")) {
      if (element.dataset.key === key) element.focus({ preventScroll: true });
    }
  }
}
