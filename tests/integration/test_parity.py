"""The stems equal those of stock Spleeter, up to half a 16-bit step."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

import random_checkpoints
from benchmarks.metrics import max_step_difference, snr_db
from benchmarks.parity import MAX_STEPS, MIN_SNR_DB
from benchmarks.songs.song import generate
from stemdrop.models import Model
from stemdrop.options import Quality
from stemdrop_local.deployment import ROOT
from stemdrop_separate.models.catalog import BackendName, Models
from stemdrop_separate.separation.separate import separate
from stock_spleeter import separate_stock

Waveform = NDArray[np.float32]
# Random networks leave quiet stems.
MIN_RANDOM_SNR_DB = 100.0
BLOCK = 30_011


def mix(duration_s: float, channels: int = 2) -> Waveform:
    waveform: Waveform = generate(duration_s, seed=11, channels=channels).mix
    return waveform


@cache
def genuine(backend: BackendName) -> Models:
    return Models(ROOT / "build" / "models", backend)


def streamed(
    models: Models, model: Model, song: Waveform, quality: Quality = Quality.SPLEETER
) -> dict[str, Waveform]:
    def blocks() -> Iterator[Waveform]:
        yield from (song[start : start + BLOCK] for start in range(0, len(song), BLOCK))

    parts = [part.stems for part in separate(blocks(), models.load(model), quality=quality)]
    return {stem: np.concatenate([part[stem] for part in parts]) for stem in model.instruments}


def assert_same(
    stock: dict[str, Waveform], ours: dict[str, Waveform], min_snr_db: float = MIN_SNR_DB
) -> None:
    assert list(ours) == list(stock)
    for stem, expected in stock.items():
        assert ours[stem].shape == expected.shape
        assert np.abs(expected).max() > 0.001
        assert max_step_difference(expected, ours[stem]) <= MAX_STEPS
        assert snr_db(expected, ours[stem]) >= min_snr_db


@pytest.mark.parametrize(
    ("model", "duration_s", "channels", "backends"),
    [
        (Model.TWO_STEMS, 26, 2, list(BackendName)),
        (Model.TWO_STEMS_16KHZ, 0.3, 1, [BackendName.ONNX]),
    ],
)
def test_genuine_weights_equal_spleeter(
    model: Model, duration_s: float, channels: int, backends: list[BackendName]
) -> None:
    song = mix(duration_s, channels)
    given = song[:, :1] if channels == 1 else song  # Spleeter duplicates mono itself
    stock = separate_stock(given, ROOT / "build" / "weights" / model.weights, model)
    for backend in backends:
        assert_same(stock, streamed(genuine(backend), model, song))


@pytest.mark.parametrize(
    ("model", "backends"),
    [
        (Model.FOUR_STEMS, list(BackendName)),
        (Model.FIVE_STEMS_16KHZ, [BackendName.ONNX]),
    ],
)
def test_random_weights_equal_spleeter(model: Model, backends: list[BackendName]) -> None:
    song = mix(6)
    stock = separate_stock(song, random_checkpoints.saved_checkpoint(model.weights), model)
    for one, other in combinations(stock.values(), 2):
        assert snr_db(one, other) < 20, "swapped stems would go unnoticed"
    # The build has compared the networks with Spleeter's restored graph.
    frozen = BackendName.TENSORFLOW in backends
    folder = random_checkpoints.built_model(model.weights, frozen=frozen)
    for backend in backends:
        assert_same(stock, streamed(Models(folder, backend), model, song), MIN_RANDOM_SNR_DB)


def test_high_quality_is_the_same_with_both_backends() -> None:
    song = mix(8)
    onnx, tensorflow = (
        streamed(genuine(backend), Model.TWO_STEMS, song, Quality.HIGH) for backend in BackendName
    )
    assert_same(onnx, tensorflow)


def test_songs_do_not_affect_each_other() -> None:
    models = genuine(BackendName.ONNX)
    one, other = mix(3), mix(2)[::-1]
    first = streamed(models, Model.TWO_STEMS, one)
    streamed(models, Model.TWO_STEMS_16KHZ, np.ascontiguousarray(other))
    again = streamed(models, Model.TWO_STEMS, one)
    for stem, waveform in first.items():
        assert np.array_equal(again[stem], waveform)
