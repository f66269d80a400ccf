"""Properties of `quality=high` with genuine and tiny networks, and its evaluation."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import reference_separation
import tiny_models
from benchmarks.evaluate import main
from benchmarks.metrics import snr_db
from benchmarks.songs.repertoire import REPERTOIRE, play
from benchmarks.songs.song import generate
from stemdrop.models import Model
from stemdrop.options import Quality
from stemdrop_local.deployment import ROOT
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.models.network import Magnitude, Network
from stemdrop_separate.separation.separate import separate

Waveform = NDArray[np.float32]
GENUINE = ROOT / "build" / "models"


def streamed(network: Network, song: Waveform, quality: Quality) -> dict[str, Waveform]:
    blocks = (song[start : start + 30_011] for start in range(0, len(song), 30_011))
    parts = [part.stems for part in separate(blocks, network, quality=quality)]
    return {stem: np.concatenate([part[stem] for part in parts]) for stem in network.instruments}


def whole(network: Network, song: Waveform) -> dict[str, NDArray[np.float64]]:
    def one_by_one(magnitude: Magnitude) -> dict[str, Magnitude]:
        runs = [network.backend.estimate(segment[np.newaxis]) for segment in magnitude]
        return {stem: np.concatenate([run[stem] for run in runs]) for stem in network.instruments}

    return reference_separation.separate_high(song.astype(float), one_by_one)


def assert_same(network: Network, song: Waveform) -> None:
    stems, expected = streamed(network, song, Quality.HIGH), whole(network, song)
    for stem, waveform in expected.items():
        assert np.abs(waveform).max() > 0.001
        np.testing.assert_allclose(stems[stem], waveform, atol=1e-5)
    np.testing.assert_allclose(np.sum(list(stems.values()), axis=0), song, atol=1e-5)


def test_streamed_stems_equal_the_whole_song_and_add_up() -> None:
    assert_same(Models(GENUINE).load(Model.TWO_STEMS), generate(19, seed=11).mix)


@pytest.mark.parametrize("model", [Model.FOUR_STEMS, Model.FIVE_STEMS_16KHZ])
def test_streamed_stems_of_every_model_equal_the_whole_song(model: Model, tmp_path: Path) -> None:
    tiny_models.install(tmp_path, model.weights)
    assert_same(Models(tmp_path).load(model), generate(8, seed=11).mix)


def test_high_quality_stems_are_closer_to_the_true_stems() -> None:
    network = Models(GENUINE).load(Model.TWO_STEMS)
    gains_db = []
    for seed, kind in enumerate(REPERTOIRE):
        if kind.name in {"punk", "lullaby"}:
            song = play(kind, 14, seed=seed)
            better, stock = (
                streamed(network, song.mix, quality) for quality in (Quality.HIGH, Quality.SPLEETER)
            )
            for stem in network.instruments:
                true = getattr(song, stem)
                gains_db.append(snr_db(true, better[stem]) - snr_db(true, stock[stem]))
    assert np.mean(gains_db) > 1


def test_evaluation_scores_the_returned_stems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "evaluation.md"
    assert main(["--count", "1", "--seconds", "3", "--no-stock", "--page", str(page)]) == 0
    assert capsys.readouterr().out.count("pop: stemdrop") == 2
    row = re.compile(r"^\| (vocals|accompaniment) \| (.+) \| (.+) \|$", re.MULTILINE)
    rows = {
        (match[1], match[2].split(" | ")[0]): [float(x) for x in match[2].split(" | ")[1:]]
        for match in row.finditer(page.read_text())
    }
    assert len(rows) == 4
    assert all(3 < figure < 60 for figures in rows.values() for figure in figures)
    assert page.with_suffix(".png").is_file()


def test_evaluation_reports_missing_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--songs", str(tmp_path)]) == 1
    assert "mixture.wav" in capsys.readouterr().err
    assert main(["--count", "1", "--seconds", "1", "--no-stock", "--models", "4stems"]) == 1
    assert "4stems is not installed" in capsys.readouterr().err
