"""An hour of four stems: playing, seeking, zooming, memory. Its wav files are made on request."""

import json
import re
import struct
from typing import Any

import numpy as np
from playwright.sync_api import Page, Route, expect

from browser import PageUser
from page_site import SongFactory

RATE_HZ = 44_100
SONG_S = 3600
BYTES = SONG_S * RATE_HZ * 4
WAV_HEADER = struct.pack(
    "<4sI4s4sIHHIIHH4sI",
    *(b"RIFF", 36 + BYTES, b"WAVE", b"fmt ", 16, 1, 2, RATE_HZ, RATE_HZ * 4, 4, 16, b"data", BYTES),
)
PEAKS_BINS = -(-SONG_S * RATE_HZ // 512)
# Decoded at once, the stems would take 2.5 GB.
MAX_RETAINED_BYTES = 60e6


def serve_wav(route: Route) -> None:
    """Answer a range request with a tone that is loud enough to be seen."""
    first, last = map(int, re.findall(r"\d+", route.request.headers["range"]))
    last = min(last, len(WAV_HEADER) + BYTES - 1)
    frames = np.arange((first - 44) // 4 - 1, (last - 44) // 4 + 2)
    tone = np.rint(8000 * np.sin(2 * np.pi * 441 * frames / RATE_HZ)).astype("<i2")
    stereo = np.stack([tone, tone], axis=1).tobytes()
    begin = first - 44 - 4 * int(frames[0])
    content = stereo[begin : begin + last - first + 1]
    content = (WAV_HEADER[first:] + content)[: last - first + 1] if first < 44 else content
    route.fulfill(status=206, body=content, content_type="audio/wav")


def serve_peaks(route: Route) -> None:
    header = struct.pack("<iIiiIi", 2, 1, RATE_HZ, 512, PEAKS_BINS, 5)
    route.fulfill(body=header + bytes([0xE0, 0x20]) * (5 * PEAKS_BINS))


def lengthen(route: Route) -> None:
    """Answer with the job of the API, but an hour long."""
    answer = route.fetch()
    job: dict[str, Any] = answer.json()
    for stem in job["stems"]:
        stem |= {"duration_s": SONG_S, "url": f"/long/{stem['stem']}.wav"}
    job["peaks"]["url"] = "/long/peaks.dat"
    route.fulfill(response=answer, body=json.dumps(job))


def retained_bytes(page: Page) -> int:
    """Return the memory of the page's samples and objects after a garbage collection."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("HeapProfiler.enable")
    protocol.send("HeapProfiler.collectGarbage")
    found = protocol.send("Runtime.getHeapUsage")
    protocol.detach()
    return int(found["backingStorageSize"] + found["usedSize"])


def test_hour_of_four_stems_plays_seeks_and_zooms_in_little_memory(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    user.choose(make_song("hour.wav", 92))
    page.get_by_role("radio", name="Four stems").check()
    page.click("#separate")
    user.card("done")
    page.route("**/long/*.wav", serve_wav)
    page.route("**/long/peaks.dat", serve_peaks)
    page.route(re.compile(r"/jobs/[0-9a-f]{32}$"), lengthen)
    user.reload()
    before = retained_bytes(page)
    page.get_by_role("button", name="Open hour").click()
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    largest = 0
    for at_s in (3000, 61, 3590, 1800):
        position.fill(str(at_s))
        expected = "|".join(f"{s // 60}:{s % 60:02}" for s in range(at_s + 1, at_s + 10))
        expect(position).to_have_attribute("aria-valuetext", re.compile(f"^({expected}) of"))
        largest = max(largest, retained_bytes(page))
    page.get_by_role("button", name="Pause").click()
    position.fill("1800")
    for _ in range(22):
        page.keyboard.press("+")
    visible = page.locator(".zoom-controls .hint")
    expect(visible).to_have_text(re.compile(r"^(29:59|30:00)\.\d{4} to 30:00\.\d{4}$"))
    largest = max(largest, retained_bytes(page))
    print(json.dumps({"more_mb": (largest - before) / 1e6}))
    assert 5e6 < largest - before < MAX_RETAINED_BYTES
