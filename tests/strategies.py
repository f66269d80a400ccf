"""Hypothesis strategies for options, keys and records, valid and invalid."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from stemdrop.codecs import Codec
from stemdrop.job_record import (
    Failure,
    Job,
    ResultFile,
    SeparationEngine,
    Sound,
    Stage,
    Status,
    Stem,
    UploadSource,
    Usage,
    timestamp,
)
from stemdrop.keys import UploadKey
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus, Word
from stemdrop.lyrics_languages import LANGUAGES
from stemdrop.models import Model
from stemdrop.music import Music
from stemdrop.option_values import BITRATE_RANGE_KBPS
from stemdrop.options import Clip, Options, Quality

# With surrogates, which JSON can contain as \ud800.
ANY_TEXT = st.text(st.characters())
# Any result of json.loads, including NaN, infinities and integers beyond the range of floats.
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
# Texts that parsers of numbers, flags and lists can misread.
TRICKY_TEXT = st.sampled_from(
    ["", " ", "nan", "inf", "-inf", "-0.0", "-0", "1e400", "1_0", "٣", "²", "0x10", "True", "NO",
     "None", "null", ",", "vocals,", ",vocals", "192", "192K", "192k\n", "1\n", "16 ", "[1]"]
)  # fmt: skip


@st.composite
def given_options(draw: st.DrawFn) -> dict[str, Any]:
    """Draw valid options as JSON values, some of them left out."""
    model = draw(st.sampled_from(Model))
    codec = draw(st.sampled_from(Codec))
    low, high = BITRATE_RANGE_KBPS
    given: dict[str, Any] = {
        "model": model.value,
        "stems": draw(st.lists(st.sampled_from(model.instruments), min_size=1)),
        "codec": codec.value,
        "bitrate": f"{draw(st.integers(low, high))}k",
        "offset_s": draw(st.floats(0, 1e5) | st.integers(0, 100_000)),
        "duration_s": draw(st.floats(1e-3, 1e5) | st.integers(1, 100_000)),
        "residual": draw(st.booleans()),
        "zip": draw(st.booleans()),
        "quality": draw(st.sampled_from(Quality)).value,
        "clip": draw(st.sampled_from(Clip)).value,
        "lyrics": draw(st.booleans()),
    }
    if codec.bit_depths:
        given["bit_depth"] = draw(st.sampled_from(codec.bit_depths))
    # Without its model, a list of stems may not make sense.
    kept = draw(st.sets(st.sampled_from(sorted(given.keys() - {"model"})))) | {"model"}
    drawn = {name: value for name, value in given.items() if name in kept}
    if drawn.get("lyrics"):
        drawn["language"] = draw(st.sampled_from(sorted(LANGUAGES)))
    return drawn


def as_text(given: dict[str, Any]) -> dict[str, str]:
    """Return JSON values as S3 metadata."""
    return {
        name: ",".join(value)
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else json.dumps(value)
        for name, value in given.items()
    }


OPTIONS = given_options().map(Options.parse)
JOB_IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
# Fits into the longest key even with four bytes per character.
DROP_NAMES = st.text(min_size=1, max_size=248)
UPLOAD_KEYS = st.one_of(
    DROP_NAMES.map(lambda name: UploadKey.parse(f"drop/{name}")),
    JOB_IDS.map(lambda job_id: UploadKey.parse(f"jobs/{job_id}")),
)
TIMES = st.datetimes(
    min_value=datetime(2000, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.just(UTC),
).map(timestamp)
SHA256 = st.text("0123456789abcdef", min_size=64, max_size=64)
SECONDS = st.floats(0, 1e6)
SOURCES = st.builds(
    UploadSource,
    key=UPLOAD_KEYS.map(str),
    etag=st.text("0123456789abcdef-", min_size=1, max_size=36),
    size_bytes=st.integers(0, 10**12),
    uploaded_at=TIMES,
    sha256=st.none() | SHA256,
)
STEMS = st.builds(
    Stem,
    stem=st.sampled_from(("vocals", "accompaniment", "residual")),
    key=st.text(),
    size_bytes=st.integers(1, 10**12),
    duration_s=SECONDS,
    peak_dbfs=st.none() | st.floats(-200, 40),
    clipped_samples=st.integers(0, 10**9),
    gain_db=st.floats(-40, 0),
    waveform=st.text("0123456789abcdef", max_size=8),
)
MUSIC = st.builds(
    Music,
    tempo_bpm=st.none() | st.floats(40, 220),
    key=st.none() | st.text(),
    loudness_lufs=st.none() | st.floats(-70, 10),
    beats_s=st.lists(SECONDS, max_size=3).map(tuple),
)
# A word has no spaces.
WORD_TEXTS = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=50)
LYRICS = st.builds(
    Lyrics,
    status=st.sampled_from(LyricsStatus),
    engine=st.text(),
    language=st.none() | st.sampled_from(sorted(LANGUAGES)),
    words=st.integers(0, 10**5),
    cost_usd=SECONDS,
    files=st.lists(
        st.builds(LyricsFile, st.sampled_from(LyricsFormat), st.text(), st.integers(0)), max_size=2
    ).map(tuple),
    code=st.none() | st.text(),
    reason=st.none() | st.text(),
    deadline_at=st.none() | TIMES,
    finished_at=st.none() | TIMES,
)


@st.composite
def lyric_words(draw: st.DrawFn) -> tuple[Word, ...]:
    """Draw words in the order of their times."""
    words, end_s = [], 0.0
    for text in draw(st.lists(WORD_TEXTS, max_size=30)):
        start_s = round(end_s + draw(st.floats(0, 2)), 3)
        end_s = round(start_s + draw(st.floats(0, 1)), 3)
        words.append(Word(text, start_s, end_s, draw(st.floats(0, 1))))
    return tuple(words)


USAGES = st.builds(
    Usage,
    timings_s=st.dictionaries(st.sampled_from(("download", "separate", "total")), SECONDS),
    peak_rss_bytes=st.integers(0, 10**11),
    gb_seconds=SECONDS,
    cost_usd=SECONDS,
)
JOBS = st.builds(
    Job,
    key=UPLOAD_KEYS.map(str),
    status=st.sampled_from(Status),
    created_at=TIMES,
    updated_at=TIMES,
    filename=st.none() | st.text(min_size=1),
    owner=st.none() | st.text(),
    request_sha256=st.none() | st.text(),
    callback_url=st.none() | st.text(),
    options=OPTIONS.map(Options.to_dict) | st.dictionaries(st.text(), st.text(), max_size=3),
    version=st.just(1),
    stage=st.none() | st.sampled_from(Stage),
    progress=st.floats(0, 1),
    seconds_left=st.none() | SECONDS,
    source=st.none() | SOURCES,
    sound=st.none() | st.builds(Sound, st.none() | SECONDS, st.integers(1), st.integers(1)),
    music=st.none() | MUSIC,
    stems=st.lists(STEMS, max_size=3).map(tuple),
    zip=st.none() | st.builds(ResultFile, st.text(), st.integers(0)),
    stem_file=st.none() | st.builds(ResultFile, st.text(), st.integers(0)),
    peaks=st.none() | st.builds(ResultFile, st.text(), st.integers(0)),
    lyrics=st.none() | LYRICS,
    error=st.none() | st.builds(Failure, st.text(), st.text()),
    warnings=st.lists(st.text(), max_size=2).map(tuple),
    engine=st.none()
    | st.builds(
        SeparationEngine,
        st.text(),
        st.text(),
        SHA256,
        st.dictionaries(st.text(), st.text(), max_size=2),
    ),
    usage=st.none() | USAGES,
    attempt=st.integers(0, 100),
    started_at=st.none() | TIMES,
    finished_at=st.none() | TIMES,
    deadline_at=st.none() | TIMES,
)
