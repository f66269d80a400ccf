// Numbers, times and names as text.

const LOCALE = "en-US";

/** Format a position or duration: 3:05, 1:02:09. */
export function formatTime(duration_s) {
  const seconds = Math.max(0, Math.floor(duration_s));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** Format a position with decimals: 3:05.20. */
export function formatExactTime(duration_s, decimals) {
  const rounded_s = Number(duration_s.toFixed(decimals));
  return formatTime(rounded_s) + (rounded_s % 1).toFixed(decimals).slice(1);
}

/** Format a rough duration: "a moment", "20 seconds", "3 minutes". */
export function formatEstimate(duration_s) {
  if (duration_s < 3) return "a moment";
  if (duration_s < 55) return `${Math.ceil(duration_s / 5) * 5} seconds`;
  const minutes = Math.round(duration_s / 60);
  return minutes <= 1 ? "a minute" : `${minutes} minutes`;
}

/** Format a size in decimal megabytes, the unit of the limits. */
export function formatSize(size_bytes) {
  const megabytes = size_bytes / 1e6;
  if (megabytes >= 10) return `${Math.round(megabytes).toLocaleString(LOCALE)} MB`;
  return `${Math.max(megabytes, 0.1).toFixed(1)} MB`;
}

/** Format a small price: "0.02 cents", "12 cents", "$1.50". */
export function formatPrice(price_usd) {
  if (price_usd >= 1) return `$${price_usd.toFixed(2)}`;
  const cents = Number((100 * price_usd).toPrecision(2));
  return cents === 1 ? "1 cent" : `${cents.toLocaleString(LOCALE, { maximumFractionDigits: 4 })} cents`;
}

/** Format an exact duration: "60 minutes", "90 seconds". */
export function formatDuration(duration_s) {
  return duration_s % 60 === 0 ? pluralize(duration_s / 60, "minute") : pluralize(duration_s, "second");
}

/** Format a count: "1 song", "2 songs". */
export function pluralize(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Format a point in time as a date and time in the local time zone. */
export function formatDateTime(timestamp) {
  const options = { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(LOCALE, options).format(new Date(timestamp));
}

/** Format what is known of a song's music: "128 BPM · F♯ minor (11A) · −9.4 LUFS". */
export function formatMusic({ tempo_bpm, key, camelot, loudness_lufs }) {
  const parts = [
    tempo_bpm && `${Math.round(10 * tempo_bpm) / 10} BPM`,
    key && `${key.replace("#", "♯").replace(/^(.)b/, "$1♭")} (${camelot})`,
    loudness_lufs !== null && `${loudness_lufs.toFixed(1).replace("-", "−")} LUFS`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** Return a file's name without its extension. */
export const withoutExtension = (filename) => filename.replace(/\.[A-Za-z0-9]{1,8}$/, "") || filename;

/** Return a word with its first letter in upper case. */
export const capitalize = (word) => word.charAt(0).toUpperCase() + word.slice(1);
