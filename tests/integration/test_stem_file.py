"""Stem files of Native Instruments' format, as other programs read them."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen.mp4 import Atoms

import media
from media import FFMPEG
from stemdrop.errors import EncodeError
from stemdrop.keys import UploadKey
from stemdrop.options import STEM_FILE, Options
from stemdrop_local.deployment import Stack
from stemdrop_separate.audio.stem_file import add_box, write_stem_file
from stemdrop_separate.job.context import JobContext, Outcome
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import SeparatedSong, separate_song
from tiny_models import install
from uploads import KEY, attempt, job_of, put, read

NAMES = ["drums", "bass", "other", "vocals"]
SONG_S = 4.0


@pytest.fixture(scope="module")
def four_stems(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    install(folder, "4stems")
    install(folder, "5stems")
    return Models(folder)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a song with a title, a cover and a chapter."""
    folder = tmp_path_factory.mktemp("song")
    cover = media.picture(folder / "cover.png")
    sound = media.wav(folder / "sound.wav", 3 * media.tones(SONG_S))
    tags = folder / "tags.txt"
    chapter = "[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=Intro\n"
    tags.write_text(f";FFMETADATA1\ntitle=Blue\nartist=Ann\n{chapter}")
    inputs = ("-i", f"file:{sound}", "-f", "ffmetadata", "-i", f"file:{tags}")
    picture = ("-attach", f"file:{cover}", "-metadata:s:t", "mimetype=image/png")
    path = folder / "song.mka"
    media.run(*inputs, *picture, "-map_metadata", "1", "-c:a", "pcm_f32le", f"file:{path}")
    return path


def separate(song: Path, folder: Path, models: Models, **given: str) -> SeparatedSong:
    options = Options.parse({"model": "4stems", "stem_file": "true", **given})
    targets = {stem: folder / f"{stem}.m4a" for stem in options.outputs}
    targets[STEM_FILE] = folder / "song.stem.mp4"
    return separate_song(song, targets, options, models.load(options.model), FFMPEG)


def packets(path: Path, track: int) -> bytes:
    chosen = ("-map", f"0:a:{track}", "-c", "copy", "-f", "streamhash", "pipe:1")
    return media.run("-i", f"file:{path}", *chosen)


@pytest.mark.parametrize(
    "given",
    [
        {"codec": "m4a", "bitrate": "192k"},
        {"codec": "alac", "bit_depth": "24"},
        {"codec": "alac", "clip": "scale"},
    ],
    ids=str,
)
def test_stem_file_has_the_song_and_the_very_stems(
    song: Path, tmp_path: Path, four_stems: Models, given: dict[str, str]
) -> None:
    separated = separate(song, tmp_path, four_stems, **given)
    path = tmp_path / "song.stem.mp4"
    assert separated.stem_file == path
    assert sorted(separated.stems) == sorted(NAMES)
    for track, stem in enumerate(NAMES, start=1):
        file = separated.stems[stem].path
        assert packets(path, track) == packets(file, 0)
        np.testing.assert_array_equal(
            media.decode(path, "-map", f"0:a:{track}"), media.decode(file)
        )
    mix = media.decode(path, "-map", "0:a:0")
    expected = media.decode(song) * np.float32(10 ** (separated.gain_db / 20))
    assert bool(separated.gain_db) == (given.get("clip") == "scale")
    assert mix.shape == expected.shape
    # AAC changes the song most where it is beyond full scale.
    least = 0.95 if given["codec"] == "m4a" else 0.99999
    assert np.corrcoef(mix.ravel(), np.clip(expected, -1, 1).ravel())[0, 1] > least
    assert {each.name for each in tmp_path.iterdir()} == {
        "song.stem.mp4",
        *(f"{stem}.m4a" for stem in NAMES),
    }


def test_players_without_stems_play_the_song(
    song: Path, tmp_path: Path, four_stems: Models
) -> None:
    separate(song, tmp_path, four_stems, codec="m4a")
    path = tmp_path / "song.stem.mp4"
    file = mutagen.File(path)
    assert (file.tags["\xa9nam"], file.tags["\xa9ART"]) == (["Blue"], ["Ann"])
    assert list(map(bytes, file.tags["covr"])) == [song.with_name("cover.png").read_bytes()]
    assert file.info.length == mutagen.File(tmp_path / "bass.m4a").info.length
    with path.open("rb") as opened:
        tracks = Atoms(opened)[b"moov"].findall(b"trak")
        flags = [track[b"tkhd",].read(opened)[1][3] for track in tracks]
    # Bit 0 says that a track is enabled. Source: ISO/IEC 14496-12, 8.3.2.
    assert [flag & 1 for flag in flags] == [1, 0, 0, 0, 0]


def test_box_names_the_stems(song: Path, tmp_path: Path, four_stems: Models) -> None:
    options = {"model": "5stems", "stems": "piano+drums+bass+vocals", "codec": "m4a"}
    separate(song, tmp_path, four_stems, **options)
    with (tmp_path / "song.stem.mp4").open("rb") as opened:
        _, data = Atoms(opened)[b"moov", b"udta", b"stem"].read(opened)
    manifest = json.loads(data)
    assert [stem["name"] for stem in manifest["stems"]] == ["Drums", "Bass", "Piano", "Vocals"]
    assert len({stem["color"] for stem in manifest["stems"]}) == 4
    assert manifest["version"] == 1
    effects = manifest["mastering_dsp"]
    assert not any(effects[name]["enabled"] for name in ("compressor", "limiter"))


def test_same_song_gives_the_same_bytes(song: Path, tmp_path: Path, four_stems: Models) -> None:
    files = set()
    for _ in range(2):
        separate(song, tmp_path, four_stems, codec="alac")
        files.add((tmp_path / "song.stem.mp4").read_bytes())
    assert len(files) == 1


def test_job_and_its_copy_have_the_stem_file(
    buckets: Stack, job_context: JobContext, song: Path, four_stems: Models
) -> None:
    context = replace(job_context, models=four_stems)
    other_key = UploadKey.parse("drop/live/again.wav")
    metadata = {"model": "4stems", "codec": "m4a", "stemdrop-stem-file": "true"}
    for key in (KEY, other_key):
        put(buckets, song.read_bytes(), key, metadata)
        assert attempt(context, key) is Outcome.DONE
    jobs = [job_of(buckets, key) for key in (KEY, other_key)]
    assert jobs[1].usage is not None
    assert "separate" not in jobs[1].usage.timings_s
    files = []
    for job in jobs:
        assert job.stem_file is not None
        assert job.stem_file.key.endswith("/stems.stem.mp4")
        files.append(read(buckets, job.stem_file.key))
        assert len(files[-1]) == job.stem_file.size_bytes
    assert files[0] == files[1]
    assert b'"name": "Drums"' in files[0]


def test_box_is_added_behind_more_than_4_gb_of_sound(tmp_path: Path) -> None:
    path, sound_bytes = tmp_path / "song.stem.mp4", 5 << 30
    with path.open("wb") as file:
        file.write(struct.pack(">I4sQ", 1, b"mdat", 16 + sound_bytes))
        file.seek(sound_bytes, 1)  # a hole, which takes no space
        file.write(struct.pack(">I4sI4s", 16, b"moov", 8, b"mvhd"))
    add_box(path, struct.pack(">I4s2s", 10, b"stem", b"{}"))
    with path.open("rb") as opened:
        atoms = Atoms(opened)
        assert [atom.name for atom in atoms[b"moov",].children] == [b"mvhd", b"udta"]
        assert atoms[b"moov", b"udta", b"stem"].read(opened) == (True, b"{}")


def test_failure_leaves_no_stem_file(tmp_path: Path) -> None:
    path, broken = tmp_path / "song.stem.mp4", tmp_path / "broken.m4a"
    broken.write_bytes(b"no sound")
    with pytest.raises(EncodeError, match="The stem file can't be written"):
        write_stem_file(path, broken, dict.fromkeys(NAMES, broken), None, FFMPEG)
    assert not path.exists()
