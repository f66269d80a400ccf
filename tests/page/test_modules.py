"""Modules of the page that can be tried by themselves, in the browser that they are for."""

import hashlib
import random
from itertools import pairwise
from typing import Any

from browser import Visitor
from stemdrop_api.web_page import version

LENGTHS = [*range(130), 1000, 4095, 4096, 70_001]
HASH = """
async ({ module, pieces }) => {
  const { Sha256 } = await import(module);
  return pieces.map((parts) => parts.reduce((hash, part) => hash.add(Uint8Array.from(part)),
    new Sha256()).finish());
}
"""
SPEED = """
async ({ module }) => {
  const { Sha256 } = await import(module);
  const hash = new Sha256();
  const piece = new Uint8Array(1 << 20);
  const began_ms = performance.now();
  for (let count = 0; count < 64; count += 1) hash.add(piece);
  return { hex: hash.finish(), mb_per_s: 64 * 1.048576 / ((performance.now() - began_ms) / 1000) };
}
"""
CASES: list[dict[str, Any]] = [
    {"strips": {}, "levels": [1, 1, 0]},
    {"strips": {"vocals": {"muted": True}}, "levels": [0, 1, 0]},
    {"strips": {"vocals": {"soloed": True}}, "levels": [1, 0, 0]},
    {"strips": {"vocals": {"soloed": True, "muted": True}}, "levels": [1, 0, 0]},
    {"strips": {"drums": {"volume": 0.5}}, "levels": [1, 0.5, 0]},
    {"strips": {"drums": {"soloed": True}}, "comparing": True, "levels": [0, 0, 1]},
]
MIX = """
async ({ module, cases }) => {
  const { Mixer } = await import(module);
  return cases.map(({ strips, comparing }) => {
    const mixer = new Mixer(["vocals", "drums"]);
    for (const stem in strips) Object.assign(mixer.strip(stem), strips[stem]);
    mixer.comparing = comparing ?? false;
    return mixer.levels().map(([, level]) => level);
  });
}
"""


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def test_the_hash_is_sha256_however_the_bytes_come(visitor: Visitor) -> None:
    chance = random.Random(1)
    contents = [chance.randbytes(length) for length in LENGTHS]
    pieces = []
    for content in contents:
        cuts = sorted(chance.randint(0, len(content)) for _ in range(chance.randint(0, 3)))
        borders = [0, *cuts, len(content)]
        parts = pairwise(borders)
        pieces.append([list(content[begin:end]) for begin, end in parts])
    found = visitor.page.evaluate(HASH, {"module": module("sha256.js"), "pieces": pieces})
    assert found == [hashlib.sha256(content).hexdigest() for content in contents]


def test_the_hash_of_a_song_takes_a_moment(visitor: Visitor) -> None:
    found = visitor.page.evaluate(SPEED, {"module": module("sha256.js")})
    assert found["hex"] == hashlib.sha256(bytes(64 << 20)).hexdigest()
    print(f"{found['mb_per_s']:.0f} MB/s")
    assert found["mb_per_s"] > 20


def test_levels_follow_from_mute_solo_volume_and_the_original(visitor: Visitor) -> None:
    found = visitor.page.evaluate(MIX, {"module": module("mixer.js"), "cases": CASES})
    assert found == [case["levels"] for case in CASES]
