import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.bss_eval import StemScore, Waveform, _museval, measure_stems, over_songs
from benchmarks.evaluate import evaluate
from benchmarks.evaluation_page import BEGIN, END, EvaluationResult, write_page
from benchmarks.metrics import snr_db
from benchmarks.reference_songs import ReferenceSong, ReferenceSongError, find_songs, write_songs
from benchmarks.separation_systems import Separation, SeparationSystem, systems
from benchmarks.songs.wav import write_wav
from stemdrop.codecs import Codec
from stemdrop.models import Model
from stemdrop.options import Quality

RATE_HZ = 44_100


def noise(seed: int, duration_s: float = 3.0) -> Waveform:
    random = np.random.default_rng(seed)
    return random.normal(scale=0.1, size=(round(duration_s * RATE_HZ), 2)).astype(np.float32)


VOICE, BAND, HISS = noise(1), noise(2), noise(3)


def of_the_voice(estimate: Waveform, truth: Waveform = VOICE) -> StemScore:
    return measure_stems({"vocals": truth, "band": BAND}, {"vocals": estimate, "band": BAND})[
        "vocals"
    ]


def test_the_signal_to_distortion_ratio_is_that_of_all_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    _museval.cache_clear()
    estimate = 0.8 * VOICE + 0.1 * BAND + 0.05 * HISS
    seconds = [slice(start, start + RATE_HZ) for start in range(0, len(VOICE), RATE_HZ)]
    expected = np.median([snr_db(VOICE[second], estimate[second]) for second in seconds])
    assert of_the_voice(estimate).sdr == pytest.approx(expected, abs=0.01)
    assert "stempeg" not in sys.modules  # its import requires ffmpeg


@pytest.fixture(scope="module")
def errors() -> dict[str, StemScore]:
    """Return the scores of stems with one kind of error each."""
    truth = {"vocals": VOICE, "band": BAND}
    left = BAND * np.array([1.0, 0.5], np.float32)
    half = np.float32(0.5) * (BAND + np.float32(0.1) * VOICE)
    mixed = measure_stems(truth, {"vocals": VOICE + 0.1 * BAND, "band": left})
    noisy = measure_stems(truth, {"vocals": VOICE + 0.05 * HISS, "band": half})
    return {
        "another stem": mixed["vocals"],
        "another place": mixed["band"],
        "noise": noisy["vocals"],
        "half as loud": noisy["band"],
    }


@pytest.mark.parametrize(
    ("error", "lowest", "about_db"),
    [("another stem", "sir", 20), ("noise", "sar", 26), ("another place", "isr", 9)],
)
def test_each_error_has_a_figure_of_its_own(
    errors: dict[str, StemScore], error: str, lowest: str, about_db: float
) -> None:
    figures = {name: getattr(errors[error], name) for name in ("sir", "sar", "isr")}
    assert min(figures, key=lambda name: figures[name]) == lowest
    assert figures[lowest] == pytest.approx(about_db, abs=1)
    assert sorted(figures.values())[1] > about_db + 8


def test_si_sdr_is_independent_of_the_level(errors: dict[str, StemScore]) -> None:
    score = errors["half as loud"]
    assert score.si_sdr == pytest.approx(20, abs=0.2)
    assert score.sdr == pytest.approx(6, abs=0.2)


def test_seconds_of_silence_do_not_count() -> None:
    pausing = VOICE.copy()
    pausing[:RATE_HZ] = 0
    score = of_the_voice(pausing + np.float32(0.1) * BAND, pausing)
    assert score.sdr == pytest.approx(20, abs=0.2)


def test_silent_and_missing_stems_are_left_out_and_lengths_are_fitted() -> None:
    truth = {"vocals": VOICE, "band": BAND, "drums": 0 * VOICE}
    found = {"vocals": VOICE[:-100], "band": BAND + HISS, "drums": HISS, "piano": HISS}
    assert measure_stems(truth, found).keys() == {"vocals", "band"}
    assert measure_stems({"vocals": VOICE}, found) == {}


def test_median_over_songs_ignores_nan() -> None:
    nan = float("nan")
    scores = [StemScore(1, 1, nan, nan, 1), StemScore(2, 9, 4, nan, 1), StemScore(9, 2, 6, nan, 1)]
    medians = over_songs(scores)
    assert (medians.sdr, medians.sir, medians.sar, medians.si_sdr) == (2, 2, 5, 1)
    assert np.isnan(medians.isr)


def lay_out(folder: Path, **stems: Waveform) -> None:
    folder.mkdir(parents=True)
    for stem, waveform in stems.items():
        write_wav(folder / f"{stem}.wav", [waveform], bit_depth="32f")


def test_songs_are_found_in_nested_folders(tmp_path: Path) -> None:
    short = VOICE[:5000]
    for name in ("test/b", "train/a", "test/c d"):
        lay_out(tmp_path / name, mixture=short, vocals=short, other=short)
    lay_out(tmp_path / "no song", vocals=short)
    assert [song.name for song in find_songs(tmp_path)] == ["test/b", "test/c d", "train/a"]


def test_accompaniment_is_what_is_given_or_the_sum(tmp_path: Path) -> None:
    voice, band, hiss = (waveform[:5000] for waveform in (VOICE, BAND, HISS))
    lay_out(tmp_path / "a", mixture=voice, vocals=voice, drums=band, bass=hiss)
    lay_out(tmp_path / "b", mixture=voice, vocals=voice, drums=band, accompaniment=hiss)
    summed, given = (song.stems(tmp_path) for song in find_songs(tmp_path))
    assert summed.keys() == {"vocals", "drums", "bass", "accompaniment"}
    np.testing.assert_allclose(summed["accompaniment"], band + hiss, atol=1e-6)
    np.testing.assert_array_equal(given["accompaniment"], hiss)


@pytest.mark.parametrize(
    ("stems", "message"),
    [
        ({"drums": VOICE}, r"no vocals\.wav"),
        ({"vocals": VOICE}, "no other stem"),
        ({"vocals": VOICE, "drums": VOICE[:-1]}, "samples"),
    ],
)
def test_a_song_without_the_right_stems_is_an_error(
    tmp_path: Path, stems: dict[str, Waveform], message: str
) -> None:
    lay_out(tmp_path / "a", mixture=VOICE, **stems)
    with pytest.raises(ReferenceSongError, match=message):
        ReferenceSong("a", tmp_path / "a").stems(tmp_path)


def test_piano_without_a_true_stem_is_added_to_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "a", mixture=VOICE, vocals=VOICE, other=BAND)
    found = {"vocals": VOICE, "piano": np.float32(0.3) * BAND, "other": np.float32(0.7) * BAND}
    monkeypatch.setattr("benchmarks.evaluate.separate", lambda *_: Separation(found, 1.0))
    system = SeparationSystem(Model.FIVE_STEMS, Quality.HIGH)
    (result,) = evaluate(find_songs(tmp_path), [system])
    assert result.scores.keys() == {"vocals", "other"}
    assert result.scores["other"].sdr > 60
    assert result.network_s_per_minute == pytest.approx(20)


def test_a_folder_without_songs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReferenceSongError, match="mixture"):
        find_songs(tmp_path)


def test_generated_songs_have_the_same_layout(tmp_path: Path) -> None:
    written = list(write_songs(tmp_path / "songs", 1.0, 2))
    assert sorted(written, key=lambda song: song.name) == find_songs(tmp_path / "songs")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    stems = written[0].stems(scratch)
    assert stems.keys() == {"vocals", "drums", "bass", "other", "accompaniment"}


def test_systems_are_all_combinations() -> None:
    chosen = [Model.TWO_STEMS], list(Quality), [Codec.WAV, Codec.MP3]
    assert [str(system) for system in systems(*chosen, stock=True)] == [
        "Spleeter 2.4.2",
        "stemdrop, quality=spleeter",
        "stemdrop, quality=spleeter, mp3",
        "stemdrop, quality=high",
        "stemdrop, quality=high, mp3",
    ]


def result(song: str, quality: Quality | None, sdr: float) -> EvaluationResult:
    score = StemScore(sdr, 1, float("nan"), 3, 4)
    network = None if quality is None else 2.0
    return EvaluationResult(
        song, SeparationSystem(Model.TWO_STEMS, quality), {"vocals": score}, network
    )


def test_page_keeps_prose_and_updates_figures(tmp_path: Path) -> None:
    page = tmp_path / "quality.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter \\1\n")
    results = [
        result("a", None, 1),
        result("a", Quality.HIGH, 3),
        result("b", None, 2),
        result("b", Quality.HIGH, 7),
    ]
    for _ in range(2):
        write_page(results, page)
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("After \\1\n")
    assert "old" not in text
    assert "| vocals | Spleeter 2.4.2 | 1.50 | 1.00 |  | 3.00 | 4.00 |  |" in text
    assert "| vocals | stemdrop, quality=high | 5.00 | 1.00 |  | 3.00 | 4.00 | 2.00 |" in text
    assert "| b | 2.00 | 7.00 |" in text
    with Image.open(tmp_path / "quality.png") as picture:
        assert picture.width > 400


def test_new_page_has_figures_only(tmp_path: Path) -> None:
    write_page([result("a", None, 1)], tmp_path / "out" / "evaluation.md")
    text = (tmp_path / "out" / "evaluation.md").read_text()
    assert text.startswith(BEGIN)
    assert "(evaluation.png)" in text
