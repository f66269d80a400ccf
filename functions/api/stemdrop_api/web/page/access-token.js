// The access token: asked for once, kept for this tab's session, sent in a header and nowhere else.

import { the } from "./dom.js";

const PLACE = "stemdrop.token";

let asking = null;

/** Return the token, or null if none is known. */
export const token = () => sessionStorage.getItem(PLACE);

/**
 * Ask for a token; all who ask at the same time get the same answer.
 * @param {string|null} refused the token that didn't let in.
 * @param {string} complaint what is said about it.
 */
export function askForToken(refused, complaint) {
  if (token() !== null && token() !== refused) return Promise.resolve(token());
  sessionStorage.removeItem(PLACE);
  asking ??= ask(refused === null ? "" : complaint).finally(() => {
    asking = null;
  });
  return asking;
}

function ask(complaint) {
  const dialog = the("token-dialog");
  const field = the("token");
  const error = the("token-error");
  error.textContent = complaint;
  field.value = "";
  field.toggleAttribute("aria-invalid", complaint !== "");
  dialog.showModal();
  // Whoever insists with the Escape key closes any dialog.
  const open = () => dialog.showModal();
  dialog.addEventListener("close", open);
  return new Promise((resolve) => {
    const submit = (event) => {
      event.preventDefault();
      const given = field.value.trim();
      // What can't be in a header can't be a token either.
      if (!/^[\x21-\x7e]+$/.test(given)) {
        error.textContent = "A token has letters and digits and no spaces. Paste it as you were given it.";
        field.focus();
        return;
      }
      sessionStorage.setItem(PLACE, given);
      field.value = "";
      dialog.querySelector("form").removeEventListener("submit", submit);
      dialog.removeEventListener("close", open);
      dialog.close();
      resolve(given);
    };
    dialog.querySelector("form").addEventListener("submit", submit);
  });
}
