// DOM elements. Text is only ever set as text, so a song's name can't become markup.

/**
 * Create an element.
 * @param {string} selector Tag and classes, such as "button.subtle".
 * @param {object} properties Properties of the element. `on` contains event listeners. Names with a
 *   hyphen are attributes.
 * @param {...(Node|string|null)} children
 */
export function createElement(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (key.includes("-")) {
      element.setAttribute(key, value);
    } else {
      element[key] = value;
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Create a button that isn't part of a form. */
export const createButton = (selector, text, click, properties) =>
  createElement(selector, { type: "button", on: { click }, ...properties }, text);

/** Return the element with an id. */
export const byId = (id) => document.getElementById(id);

/** Set an element's text if it differs. A live region announces every assignment. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Announce a message to screen readers. */
export function announce(message) {
  setText(byId("live-region"), message);
}
