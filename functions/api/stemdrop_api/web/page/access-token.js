// The access token. The page prompts for it once, stores it for this tab's session and sends it in a
// header only.

import { byId } from "./dom.js";

const STORAGE_KEY = "stemdrop.token";
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/; // what a header can contain

let pendingRequest = null;

/** Return the stored token, or null. */
export const storedToken = () => sessionStorage.getItem(STORAGE_KEY);

/**
 * Ask the user for a token. Concurrent calls share one dialog and get the same token.
 * @param {string|null} rejectedToken The token that the server rejected.
 * @param {string} message Error message about the rejected token.
 */
export function requestToken(rejectedToken, message) {
  if (storedToken() !== null && storedToken() !== rejectedToken) return Promise.resolve(storedToken());
  sessionStorage.removeItem(STORAGE_KEY);
  pendingRequest ??= showDialog(rejectedToken === null ? "" : message).finally(() => {
    pendingRequest = null;
  });
  return pendingRequest;
}

function showDialog(message) {
  const dialog = byId("token-dialog");
  const form = dialog.querySelector("form");
  const input = byId("token");
  const error = byId("token-error");
  error.textContent = message;
  input.value = "";
  input.toggleAttribute("aria-invalid", message !== "");
  dialog.showModal();
  // Pressing Escape twice closes any dialog.
  const reopen = () => dialog.showModal();
  dialog.addEventListener("close", reopen);
  return new Promise((resolve) => {
    const submit = (event) => {
      event.preventDefault();
      const token = input.value.trim();
      if (!PRINTABLE_ASCII.test(token)) {
        error.textContent =
          "A token can’t be empty or contain spaces or accented letters. Paste it exactly as you received it.";
        input.focus();
        return;
      }
      sessionStorage.setItem(STORAGE_KEY, token);
      input.value = "";
      form.removeEventListener("submit", submit);
      dialog.removeEventListener("close", reopen);
      dialog.close();
      resolve(token);
    };
    form.addEventListener("submit", submit);
  });
}
