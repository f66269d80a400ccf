// The order of songs, and their search.

const collator = new Intl.Collator("en-US", { numeric: true, sensitivity: "base" });
const KEY = /^[a-g][#b]? (major|minor)$/;
const CAMELOT = /^(1[0-2]|[1-9])[ab]$/;
const TEMPO = /^(\d{2,3})( bpm)?$/;

/** Return the duration of a song, or null if it is unknown. */
export const durationOf = ({ job }) => job?.stems[0]?.duration_s ?? job?.sound?.duration_s ?? null;

const camelotOf = ({ job }) => {
  const camelot = job?.music?.camelot;
  return camelot ? 2 * Number.parseInt(camelot, 10) + Number(camelot.endsWith("B")) : null;
};
const newestFirst = (a, b) => b.added_ms - a.added_ms;

/** Compare by a number. Songs without the number are last. */
const byNumber = (numberOf) => (a, b) => {
  const [first, second] = [numberOf(a) ?? Infinity, numberOf(b) ?? Infinity];
  return first === second ? newestFirst(a, b) : first - second;
};

/** Functions that compare two songs, by the values of the control "Sort by". */
export const ORDERS = {
  newest: newestFirst,
  name: (a, b) => collator.compare(a.name, b.name) || collator.compare(a.folder, b.folder),
  tempo: byNumber(({ job }) => job?.music?.tempo_bpm),
  key: byNumber(camelotOf),
  duration: byNumber(durationOf),
};

/** Return whether a song's name or folder has all words of a query, or its tempo or key is the query. */
export function matches(song, query) {
  const wanted = simplify(query).trim();
  const names = simplify(`${song.folder} ${song.name}`);
  if (wanted.split(/\s+/).every((word) => names.includes(word))) return true;
  const { tempo_bpm, key, camelot } = song.job?.music ?? {};
  if (KEY.test(wanted)) return key?.toLowerCase() === wanted;
  if (CAMELOT.test(wanted)) return camelot?.toLowerCase() === wanted;
  const [, tempo] = TEMPO.exec(wanted) ?? [];
  return Boolean(tempo && tempo_bpm) && Math.round(tempo_bpm) === Number(tempo);
}

/** Return a text in lower case, without accents. */
const simplify = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").replace("♯", "#").replace("♭", "b").toLowerCase();
