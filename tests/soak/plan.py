"""The songs of a soak run and what happens to each of them, all chosen by the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

SUFFIXES = ("wav", "flac", "mp3", "m4a", "ogg")
CODECS = ("mp3", "mp3", "flac", "ogg", "opus", "wav")
# Generated songs that files are parts of.
SOURCES = 4
SONGS_PER_LYRICS = 6
# Requests to S3 that a song without faults takes.
REQUESTS = 14
# One request is tried five times; see CLIENT_CONFIG of stemdrop.s3.
TRIES = 5
# The first request of an outage of the upload bucket.
OUTAGE_BEGINS = (1, 8)
# More requests than all attempts for a song can make.
ENDLESS = 100
# Delays of a notification that comes twice: at the same time, or late.
NOTICES_S = (0, 0, 1, 8)


class Event(StrEnum):
    """What happens to a song while it is in work."""

    REPLACE = "replaced"
    DELETE = "deleted"
    NOTIFY = "notified again"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a file is generated from; equal recipes give equal bytes.

    Attributes
    ----------
    source : Number of the generated song of which this is a part.
    begin_s, duration_s, gain : Part of it.
    rate_hz : Sample rate of the file.
    has_title : Whether the file has a title.
    is_audio : Whether it can be separated at all.
    options : Options of the separation.
    """

    source: int
    begin_s: float
    duration_s: float
    gain: float
    suffix: str
    rate_hz: int = 44_100
    has_title: bool = True
    is_audio: bool = True
    options: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Outage:
    """Requests of a song, counted from 1, that all fail.

    Attributes
    ----------
    is_of_upload : Whether only requests for the song itself fail, not those for its results.
    """

    first: int
    requests: int
    is_of_upload: bool

    def covers(self, number: int) -> bool:
        """Return whether a request is among them."""
        return self.first <= number < self.first + self.requests


@dataclass(frozen=True, slots=True)
class PlannedSong:
    """A song and everything that happens to it.

    Attributes
    ----------
    name : File name, which no other song has.
    is_job : Whether it is uploaded through the API instead of into the drop folder.
    has_digest : Whether the API gets its SHA-256 digest.
    notices_s : Delays of further notifications of its upload.
    event, moment : What happens to it, and before which of its requests to S3, counted from 1.
    replacement : Song that replaces it.
    """

    name: str
    recipe: Recipe
    is_job: bool
    has_digest: bool
    notices_s: Sequence[int]
    event: Event | None
    moment: int
    replacement: Recipe
    outage: Outage | None


def plan(seed: int, first: int, count: int) -> list[PlannedSong]:
    """Return some of the songs of a seed, numbered from `first`."""
    songs: list[PlannedSong] = []
    for number in range(first, first + count):
        random = Random(f"{seed} {number}")
        songs.append(_planned(random, number, [song.recipe for song in songs]))
    return songs


def _planned(random: Random, number: int, earlier: Sequence[Recipe]) -> PlannedSong:
    # Some songs come twice: their stems are copied, or made at the same time.
    is_known = bool(earlier) and random.random() < 0.12
    recipe = random.choice(earlier) if is_known else _recipe(random)
    event = random.choices([None, *Event], [60, 15, 10, 15])[0]
    is_job = event is not Event.REPLACE and random.random() < 0.3
    return PlannedSong(
        name=f"{number:05}.{recipe.suffix}",
        recipe=recipe,
        is_job=is_job,
        has_digest=random.random() < 0.5,
        notices_s=[random.choice(NOTICES_S) for _ in range(random.choice((0, 0, 0, 1, 2)))],
        event=event,
        moment=random.randint(1, REQUESTS),
        replacement=_recipe(random),
        outage=_outage(random),
    )


def _recipe(random: Random) -> Recipe:
    codec = random.choice(CODECS)
    options = {"codec": codec}
    if random.random() < 0.15:
        options["zip"] = "true"
    if random.random() < 0.1:
        options["residual"] = "true"
    recipe = Recipe(
        source=random.randrange(SOURCES),
        begin_s=round(random.uniform(0, 6), 2),
        duration_s=round(random.uniform(3, 6), 2),
        gain=round(random.uniform(0.3, 1.0), 3),
        suffix=random.choice(SUFFIXES),
        has_title=random.random() < 0.5,
        is_audio=random.random() > 0.06,
        options=options,
    )
    recipe = _with_large_stems(recipe) if random.random() < 0.06 else recipe
    # Not drawn, so that all else that a seed chooses is as before there were lyrics.
    has_lyrics = round(100 * recipe.begin_s) % SONGS_PER_LYRICS == 0
    return replace(recipe, options={**recipe.options, "lyrics": "true"}) if has_lyrics else recipe


def _with_large_stems(recipe: Recipe) -> Recipe:
    """Return a recipe whose stems are uploaded in several parts."""
    return Recipe(
        source=recipe.source,
        begin_s=recipe.begin_s,
        duration_s=6.0,
        gain=recipe.gain,
        suffix="flac",
        rate_hz=192_000,
        options={"codec": "wav", "bit_depth": "32f", "sample_rate": "source"},
    )


def _outage(random: Random) -> Outage | None:
    drawn = random.random()
    if drawn < 0.03:
        return Outage(random.randint(*OUTAGE_BEGINS), ENDLESS, is_of_upload=True)
    if drawn < 0.15:
        return Outage(random.randint(1, REQUESTS), TRIES, is_of_upload=False)
    return None
