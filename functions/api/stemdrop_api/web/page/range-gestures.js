// Gestures on the waveforms: seek, select a loop, zoom and pan, by mouse, touchpad and touch.

import { MIN_LOOP_S } from "./playback-settings.js";

const MIN_DRAG_PX = 6;
// A notch of a wheel has 100 or 120 pixels and zooms by about 1.4; a pinch on a touchpad has few.
const ZOOM_PER_PX = 0.003;

/**
 * Listen to the gestures on an element whose width is the visible range.
 * @param {HTMLElement} element
 * @param {VisibleRange} range
 * @param {object} listeners
 * @param {(position_s: number) => void} listeners.onSeek
 * @param {(loop: {start_s: number, end_s: number} | null) => void} listeners.onSelecting Called with the
 *   selection while it changes, and with null once it ends.
 * @param {(start_s: number, end_s: number) => void} listeners.onSelect
 */
export function addGestures(element, range, { onSeek, onSelecting, onSelect }) {
  const pointers = new Map();
  let dragStart = null; // of a single pointer
  const fractionAt = (clientX) => {
    const { left, width } = element.getBoundingClientRect();
    return Math.min(Math.max((clientX - left) / width, 0), 1);
  };
  const selection = (event) => {
    const ends = [dragStart.time_s, range.toSeconds(fractionAt(event.clientX))].sort((a, b) => a - b);
    const end_s = Math.min(Math.max(ends[1], ends[0] + MIN_LOOP_S), range.duration_s);
    return { start_s: Math.max(Math.min(ends[0], end_s - MIN_LOOP_S), 0), end_s };
  };
  const endDrag = () => {
    if (dragStart?.isDragging) onSelecting(null);
    dragStart = null;
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event.clientX);
    endDrag();
    if (pointers.size > 1) return;
    dragStart = { x: event.clientX, time_s: range.toSeconds(fractionAt(event.clientX)), isDragging: false };
  });
  element.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    pointers.set(event.pointerId, event.clientX);
    if (pointers.size === 2) pinch(range, before.map(fractionAt), [...pointers.values()].map(fractionAt));
    if (dragStart === null) return;
    dragStart.isDragging ||= Math.abs(event.clientX - dragStart.x) >= MIN_DRAG_PX;
    if (dragStart.isDragging) onSelecting(selection(event));
  });
  element.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    if (dragStart === null) return;
    const { isDragging } = dragStart;
    const { start_s, end_s } = selection(event);
    endDrag();
    if (isDragging) onSelect(start_s, end_s);
    else onSeek(range.toSeconds(fractionAt(event.clientX)));
  });
  element.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    endDrag();
  });
  element.addEventListener("wheel", (event) => zoomOrPan(event, range, fractionAt), { passive: false });
}

/** Move and zoom, so that the times below two fingers stay below them. */
function pinch(range, before, after) {
  const [start_s, end_s] = before.map((fraction) => range.toSeconds(fraction)).sort((a, b) => a - b);
  const [start, end] = after.sort((a, b) => a - b);
  if (end - start < 0.02 || end_s <= start_s) return;
  const span_s = (end_s - start_s) / (end - start);
  range.show(start_s - start * span_s, start_s + (1 - start) * span_s);
}

/** Zoom by Ctrl or Command and the wheel, or by a pinch on a touchpad. A plain wheel scrolls the page. */
function zoomOrPan(event, range, fractionAt) {
  const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 16;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    range.zoom(Math.exp(-event.deltaY * pixels * ZOOM_PER_PX), range.toSeconds(fractionAt(event.clientX)));
    return;
  }
  const delta = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
  if (range.isWhole || Math.abs(delta) < Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
  event.preventDefault();
  range.pan((delta * pixels) / event.currentTarget.clientWidth);
}
