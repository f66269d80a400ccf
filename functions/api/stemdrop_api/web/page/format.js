// Numbers as people read them.

/** Write a time: 3:05, 1:02:09. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** Write how long something takes, roughly: "a moment", "20 seconds", "3 minutes". */
export function roughly(seconds) {
  if (seconds < 3) return "a moment";
  if (seconds < 55) return `${Math.ceil(seconds / 5) * 5} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes <= 1 ? "a minute" : `${minutes} minutes`;
}

/** Write a size in millions of bytes, as the limits are given. */
export function megabytes(bytes) {
  const size = bytes / 1e6;
  return `${size >= 10 ? Math.round(size) : Math.max(size, 0.1).toFixed(1)} MB`;
}

/** Write a limit of time: "60 minutes", "90 seconds". */
export function limit(seconds) {
  return seconds % 60 === 0 ? plural(seconds / 60, "minute") : plural(seconds, "second");
}

/** Write a number of things. */
export function plural(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}

/** Write an instant as the day and time here. */
export function day(instant) {
  const format = { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat("en-GB", format).format(new Date(instant));
}

/** Return a file's name without its suffix. */
export const titleOf = (name) => name.replace(/\.[A-Za-z0-9]{1,8}$/, "") || name;

/** Return a word with a capital. */
export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
