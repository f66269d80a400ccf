// The access token. The page prompts for it once and sends it in a header only. It stores the token
// for this tab's session, or in this browser if the user wants that.

import { byId } from "./dom.js";

const STORAGE_KEY = "stemdrop.token";
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/; // what a header can contain

let pendingRequest = null;

/** Return the stored token, or null. */
export const storedToken = () => sessionStorage.getItem(STORAGE_KEY) ?? localStorage.getItem(STORAGE_KEY);

/** Forget the token, in this tab and in this browser. */
export function forgetToken() {
  sessionStorage.removeItem(STORAGE_KEY);
  localStorage.removeItem(STORAGE_KEY);
}

/**
 * Ask the user for a token. Concurrent calls share one dialog and get the same token.
 * @param {string|null} rejectedToken The token that the server rejected.
 * @param {string} message Error message about the rejected token.
 */
export function requestToken(rejectedToken, message) {
  if (storedToken() !== null && storedToken() !== rejectedToken) return Promise.resolve(storedToken());
  forgetToken();
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
      const storage = byId("stay-signed-in").checked ? localStorage : sessionStorage;
      storage.setItem(STORAGE_KEY, token);
      input.value = "";
      form.removeEventListener("submit", submit);
      dialog.removeEventListener("close", reopen);
      dialog.close();
      resolve(token);
    };
    form.addEventListener("submit", submit);
  });
}
