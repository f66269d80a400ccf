"""Modules of the page that can be tested alone, in the browser."""

import hashlib
import random
from base64 import b64encode
from itertools import pairwise
from typing import Any

from browser import PageUser
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
]
MIX = """
async ({ module, cases }) => {
  const { Mixer } = await import(module);
  return cases.map(({ channels, originalOnly }) => {
    const mixer = new Mixer(["vocals", "drums"]);
    for (const stem in channels) Object.assign(mixer.channel(stem), channels[stem]);
    mixer.originalOnly = originalOnly ?? false;
    return mixer.gains().map(([, gain]) => gain);
  });
}
"""


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def test_incremental_hash_equals_sha256(user: PageUser) -> None:
    chance = random.Random(1)
    contents = [chance.randbytes(length) for length in LENGTHS]
    pieces = []
    for content in contents:
        cuts = sorted(chance.randint(0, len(content)) for _ in range(chance.randint(0, 3)))
        borders = [0, *cuts, len(content)]
        parts = pairwise(borders)
        pieces.append([b64encode(content[begin:end]).decode() for begin, end in parts])
    found = user.page.evaluate(HASH, {"module": module("sha256.js"), "pieces": pieces})
    assert found == [hashlib.sha256(content).hexdigest() for content in contents]


def test_gains_follow_mute_solo_volume_and_the_original(user: PageUser) -> None:
    found = user.page.evaluate(MIX, {"module": module("mixer.js"), "cases": CASES})
    assert found == [case["gains"] for case in CASES]
