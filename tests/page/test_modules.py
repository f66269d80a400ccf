"""Modules of the page that can be tested alone, in the browser."""

import hashlib
import random
from base64 import b64encode
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page

from stemdrop_api.web_page import version

LENGTHS = [*range(130), 1000, 4095, 4096, 70_001]
HASH = """
async ({ module, pieces }) => {
  const { Sha256 } = await import(module);
  return pieces.map((parts) => parts.reduce((hash, part) => hash.update(
    Uint8Array.from(atob(part), (byte) => byte.charCodeAt(0))),
    new Sha256()).hexDigest());
}
"""
CASES: list[dict[str, Any]] = [
    {"channels": {}, "gains": [1, 1, 0]},
    {"channels": {"vocals": {"muted": True}}, "gains": [0, 1, 0]},
    {"channels": {"vocals": {"soloed": True}}, "gains": [1, 0, 0]},
    {"channels": {"vocals": {"soloed": True, "muted": True}}, "gains": [1, 0, 0]},
    {"channels": {"drums": {"volume": 0.5}}, "gains": [1, 0.5, 0]},
    {"channels": {"drums": {"soloed": True}}, "originalOnly": True, "gains": [0, 0, 1]},
    {"channels": {"vocals": {"soloed": True}}, "silencedStem": "vocals", "gains": [0, 0, 0]},
]
MUSIC: dict[str, dict[str, Any]] = {
    "128 BPM · A minor (8A) · \u22129.4 LUFS": {
        "tempo_bpm": 127.98, "key": "A minor", "camelot": "8A", "loudness_lufs": -9.42,
    },
    "92.5 BPM · B♭ major (6B) · \u221216.0 LUFS": {
        "tempo_bpm": 92.46, "key": "Bb major", "camelot": "6B", "loudness_lufs": -16.0,
    },
    "F♯ minor (11A) · 0.0 LUFS": {
        "tempo_bpm": None, "key": "F# minor", "camelot": "11A", "loudness_lufs": 0.04,
    },
    "": {"tempo_bpm": None, "key": None, "camelot": None, "loudness_lufs": None},
}  # fmt: skip
FORMAT_MUSIC = """
async ({ module, songs }) => songs.map((await import(module)).formatMusic);
"""
CONSTRUCT_PROCESSOR = """
async (module) => {
  globalThis.sampleRate = 44100;
  globalThis.registerProcessor = (_, Processor) => new Processor();
  await import(module);
  globalThis.registerProcessor("library", class {
    get port() { return { postMessage() {} }; }
    constructor() {
      this.port.onmessage = () => {};
      [].forEach(this.port.onmessage);
    }
  });
}
"""
MIX = """
async ({ module, cases }) => {
  const { Mixer } = await import(module);
  return cases.map(({ channels, originalOnly, silencedStem }) => {
    const mixer = new Mixer(["vocals", "drums"]);
    for (const stem in channels) Object.assign(mixer.channel(stem), channels[stem]);
    mixer.originalOnly = originalOnly ?? false;
    mixer.silencedStem = silencedStem ?? null;
    return mixer.gains().map(([, gain]) => gain);
  });
}
"""

# Requests whose responses begin, and then end with an error, as when the connection is lost.
LOSE_BODIES = """
async (folder) => {
  const load = (name) => import(folder + name);
  const { createStemSource } = await load("audio-source.js");
  const { createJob, getJob } = await load("api.js");
  const { loadLines } = await load("lyrics.js");
  const plainFetch = globalThis.fetch;
  globalThis.fetch = async (url, { headers }) => {
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError()) });
    return new Response(body, { status: headers?.Range ? 206 : 200 });
  };
  sessionStorage.setItem("stemdrop.token", "token");
  const getUrl = async () => "/stem";
  const song = { job: { options: {} }, urlOf: () => getUrl };
  const requests = {
    wav: () => createStemSource({ codec: "wav" }, 1, getUrl).load(0, 1),
    mp3: () => createStemSource({ codec: "mp3" }, 1, getUrl).load(0, 1),
    lyrics: () => loadLines(song),
    getJob: () => getJob("1"),
    createJob: () => createJob({}, "key"),
  };
  const failure = (request) => request().then(() => "none", ({ code }) => code);
  const found = {};
  for (const name in requests) found[name] = await failure(requests[name]);
  globalThis.fetch = plainFetch;
  sessionStorage.clear();
  return found;
}
"""


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def test_incremental_hash_equals_sha256(module_page: Page) -> None:
    chance = random.Random(1)
    contents = [chance.randbytes(length) for length in LENGTHS]
    pieces = []
    for content in contents:
        cuts = sorted(chance.randint(0, len(content)) for _ in range(chance.randint(0, 3)))
        borders = [0, *cuts, len(content)]
        parts = pairwise(borders)
        pieces.append([b64encode(content[begin:end]).decode() for begin, end in parts])
    found = module_page.evaluate(HASH, {"module": module("sha256.js"), "pieces": pieces})
    assert found == [hashlib.sha256(content).hexdigest() for content in contents]


def test_gains_follow_mute_solo_volume_and_the_original(module_page: Page) -> None:
    found = module_page.evaluate(MIX, {"module": module("mixer.js"), "cases": CASES})
    assert found == [case["gains"] for case in CASES]


def test_stretcher_is_made_without_an_error(module_page: Page) -> None:
    # Chromium says nothing of errors in an audio worklet, and Firefox reports them.
    module_page.evaluate(CONSTRUCT_PROCESSOR, module("stretch-processor.js"))


def test_music_is_described_in_a_line(module_page: Page) -> None:
    songs = {"module": module("format.js"), "songs": list(MUSIC.values())}
    assert module_page.evaluate(FORMAT_MUSIC, songs) == list(MUSIC)


def test_connection_lost_during_a_response_is_an_error_that_is_retried(module_page: Page) -> None:
    found = module_page.evaluate(LOSE_BODIES, module(""))
    names = ("wav", "mp3", "lyrics", "getJob", "createJob")
    assert found == dict.fromkeys(names, "offline")


def test_loop_that_the_end_makes_too_short_is_none(module_page: Page) -> None:
    found = module_page.evaluate(
        """async (module) => {
          const { PlaybackSettings } = await import(module);
          const settings = new PlaybackSettings(3, []);
          return [[2.5, 9], [2.9, 9]].map((ends) => {
            settings.setLoop(...ends);
            return settings.loop;
          });
        }""",
        module("playback-settings.js"),
    )
    assert found == [{"start_s": 2.5, "end_s": 3}, None]
