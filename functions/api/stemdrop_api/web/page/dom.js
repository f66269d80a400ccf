// Elements, made in one line; text is only ever text, so nothing of a song's name becomes markup.

/**
 * Make an element.
 * @param {string} tag with classes behind dots: "button.quiet".
 * @param {object} properties of the element; `on` has listeners, names with a hyphen are attributes.
 * @param {...(Node|string|null)} children
 */
export function make(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (key.includes("-") || key === "role") {
      element.setAttribute(key, value);
    } else {
      element[key] = value;
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Return the element of the page that has an id. */
export const the = (id) => document.getElementById(id);

/** Set a text if it is another one: a live region repeats what is set anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Tell who can't see it, once, what has happened. */
export function announce(sentence) {
  setText(the("live"), sentence);
}
