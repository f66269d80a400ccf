from pathlib import Path

import pytest

import media
from stemdrop.options import Model, Options
from stemdrop_local.template import ROOT
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.models import Models
from stemdrop_separate.song import Limits, separate_song


def test_progress_is_right_where_no_duration_is_announced(tmp_path: Path) -> None:
    # Silence takes few bytes and tones many, so a guess from the bit rate is far off.
    song = media.encode(tmp_path / "song.aac", media.tones(16.0))
    with song.open("ab") as file:
        silence = media.encode(tmp_path / "silence.aac", 0 * media.tones(16.0))
        file.write(silence.read_bytes())
    shares: list[float] = []
    result = separate_song(
        song,
        {"vocals": tmp_path / "vocals.wav"},
        Options.parse({"stems": "vocals"}),
        Models(ROOT / "build" / "models").load(Model.TWO_STEMS),
        find_ffmpeg(None),
        Limits(),
        shares.append,
    )
    assert result.duration_s == pytest.approx(32, abs=0.2)
    segment_s = 512 * 1024 / 44_100
    first_s = segment_s - 4096 / 44_100
    assert shares == pytest.approx([first_s / 32, (first_s + segment_s) / 32, 1.0], abs=0.01)
