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

// redraw replaces the children of an element and keeps the focus on the one with the same data-key.
export function redraw(place, ...children) {
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place.replaceChildren(...children.filter(Boolean));
  if (key !== undefined) {
    for (const element of place.querySelectorAll("[data-key]")) {
      if (element.dataset.key === key) element.focus({ preventScroll: true });
    }
  }
}
