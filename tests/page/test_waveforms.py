"""The waveforms: the visible part of the song, the peaks that are drawn, and the playhead."""

from typing import Any

from browser import PageUser
from stemdrop_api.web_page import version

RANGE = """
async ({ module, duration_s, calls }) => {
  const { VisibleRange } = await import(module);
  const range = new VisibleRange(duration_s);
  let changes = 0;
  range.addEventListener("change", () => changes += 1);
  return calls.map(([name, ...values]) => {
    range[name](...values);
    return [range.start_s, range.end_s, range.isFollowing, changes];
  });
}
"""
CALLS: list[tuple[list[Any], list[Any]]] = [
    (["showAll"], [0, 100, True, 0]),
    (["zoom", 2], [25, 75, False, 1]),
    (["follow", 30], [25, 75, True, 1]),
    (["zoom", 5, 35], [33, 43, False, 2]),
    (["show", 28, 38], [28, 38, True, 3]),
    (["follow", 39], [38, 48, True, 4]),
    (["pan", 10], [90, 100, False, 5]),
    (["follow", 48.5], [90, 100, False, 5]),
    (["show", -20, 10], [0, 30, False, 6]),
    (["zoom", 1e9, 0], [0, 0.001, False, 7]),
    (["zoom", 1e-9, 50], [0, 100, True, 8]),
]


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def test_visible_range_stays_in_the_song_and_follows_a_visible_playhead(
    user: PageUser,
) -> None:
    page = user.page
    calls = [call for call, _ in CALLS]
    given = {"module": module("visible-range.js"), "duration_s": 100, "calls": calls}
    for found, (call, expected) in zip(page.evaluate(RANGE, given), CALLS, strict=True):
        assert [round(value, 6) for value in found] == expected, call
