"""Media types, tags, cover and chapters of stems, as another library reads them."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from mutagen.flac import Picture

import media
from media import FFMPEG, Samples
from stemdrop.codecs import Codec
from stemdrop.options import Options
from stemdrop_separate.audio.cover import extract_cover
from stemdrop_separate.audio.probe import probe
from stemdrop_separate.audio.stem_writer import StemWriter
from stemdrop_separate.audio.tags import Tags

TAGS = {
    "title": "Blue",
    "artist": "Ann",
    "album": "Red",
    "album_artist": "Various",
    "track": "3/12",
    "disc": "1/2",
    "date": "1999-05-01",
    "genre": "Jazz",
    "composer": "Bach",
    "TBPM": "120",
    "TKEY": "Am",
    "comment": "hello",
    "lyrics": "la la",
    "replaygain_track_gain": "-3 dB",
}
# Names of the frames, atoms and comments in each kind of file.
VORBIS = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "albumartist": "album_artist",
    "tracknumber": "track",
    "discnumber": "disc",
    "date": "date",
    "genre": "genre",
    "composer": "composer",
    "bpm": "TBPM",
    "initialkey": "TKEY",
    "description": "comment",
    "lyrics": "lyrics",
}
ID3 = {
    "TIT2": "title",
    "TPE1": "artist",
    "TALB": "album",
    "TPE2": "album_artist",
    "TRCK": "track",
    "TPOS": "disc",
    "TDRC": "date",
    "TCON": "genre",
    "TCOM": "composer",
    "TBPM": "TBPM",
    "TKEY": "TKEY",
    "COMM::XXX": "comment",
    "USLT::und": "lyrics",
}
ATOMS = {
    "\xa9nam": "title",
    "\xa9ART": "artist",
    "\xa9alb": "album",
    "aART": "album_artist",
    "\xa9day": "date",
    "\xa9gen": "genre",
    "\xa9wrt": "composer",
    "\xa9cmt": "comment",
    "\xa9lyr": "lyrics",
    "tmpo": "TBPM",
}
NAMES: dict[Codec, dict[str, str]] = {
    Codec.FLAC: VORBIS,
    Codec.OGG: VORBIS,
    Codec.OPUS: VORBIS,
    Codec.MP3: ID3,
    Codec.AIFF: ID3,
    Codec.WAV: ID3,
    Codec.M4A: ATOMS,
    Codec.ALAC: ATOMS,
    Codec.WMA: {
        "Title": "title",
        "Author": "artist",
        "WM/AlbumTitle": "album",
        "WM/Genre": "genre",
        "WM/AlbumArtist": "album_artist",
        "WM/TrackNumber": "track",
        "WM/PartOfSet": "disc",
        "WM/Composer": "composer",
        "WM/BeatsPerMinute": "TBPM",
        "WM/InitialKey": "TKEY",
        "WM/Year": "date",
        "WM/Lyrics": "lyrics",
    },
}


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a song with tags, a cover and two chapters."""
    folder = tmp_path_factory.mktemp("song")
    cover = media.picture(folder / "cover.png")
    sound = media.wav(folder / "sound.wav", media.tones(2.0))
    lines = [";FFMETADATA1", *(f"{name}={value}" for name, value in TAGS.items())]
    for number, name in enumerate(("Intro", "Verse")):
        lines += ["[CHAPTER]", "TIMEBASE=1/1", f"START={number}", f"END={number + 1}"]
        lines += [f"title={name}"]
    tags = folder / "tags.txt"
    tags.write_text("\n".join(lines) + "\n")
    path = folder / "song.mp3"
    inputs = (
        "-i",
        f"file:{sound}",
        "-i",
        f"file:{cover}",
        "-f",
        "ffmetadata",
        "-i",
        f"file:{tags}",
    )
    maps = ("-map", "0:a", "-map", "1:v", "-map_metadata", "2", "-map_chapters", "2")
    picture = ("-c:v", "copy", "-disposition:v", "attached_pic")
    media.run(*inputs, "-i", f"file:{tags}", *maps, *picture, f"file:{path}")
    return path


def stem_of(song: Path, folder: Path, codec: Codec, **options: object) -> Path:
    samples: Samples = media.tones(2.0)
    source = probe(song, FFMPEG)
    path = folder / f"vocals.{codec.suffix}"
    parsed = Options.parse({"codec": codec, "stems": "vocals", **options})
    cover = extract_cover(song, source.cover, FFMPEG, folder)
    StemWriter({"vocals": path}, parsed, FFMPEG, source, song.stem, cover).write(
        [{"vocals": samples}]
    )
    return path


def text_of(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


@pytest.mark.parametrize("codec", NAMES)
def test_stem_has_its_media_type_and_all_tags_of_its_song(
    song: Path, tmp_path: Path, codec: Codec
) -> None:
    file = mutagen.File(stem_of(song, tmp_path, codec))
    # mutagen names the codec of Ogg Vorbis. Source of the other name: RFC 5334, section 10.3.
    assert codec.spec.media_type in (["audio/ogg"] if codec is Codec.OGG else file.mime)
    tags = file.tags
    expected = {name: TAGS[tag] for name, tag in NAMES[codec].items()}
    expected |= {name: "Blue (vocals)" for name, tag in NAMES[codec].items() if tag == "title"}
    assert {name: text_of(tags[name]) for name in expected} == expected
    if NAMES[codec] is ATOMS:
        assert (tags["trkn"], tags["disk"]) == ([(3, 12)], [(1, 2)])
    assert not [name for name in tags.keys() if "replaygain" in name.lower()]  # noqa: SIM118


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.AIFF, Codec.WAV])
def test_comments_and_lyrics_change_no_sound(song: Path, tmp_path: Path, codec: Codec) -> None:
    text = "TXXX\0\0\0\x0a\0\0\x03XXX"  # a text that looks like a frame
    tags = {"comment": "Größe\nLine 2", "lyrics": text.replace("\0", " "), "XXXX": "four"}
    source = probe(song, FFMPEG)
    paths = []
    for name, values in (("with", tags), ("without", {})):
        path = tmp_path / f"{name}.{codec.suffix}"
        options = Options.parse({"codec": codec, "stems": "vocals"})
        tagged = replace(source, tags=Tags(values))
        StemWriter({"vocals": path}, options, FFMPEG, tagged, "Song").write(
            [{"vocals": media.tones(2.0)}]
        )
        paths.append(path)
    file = mutagen.File(paths[0]).tags
    (comment,) = file.getall("COMM")
    (lyrics,) = file.getall("USLT")
    assert (str(comment), comment.desc) == (tags["comment"], "")
    assert (str(lyrics), lyrics.desc) == (tags["lyrics"], "")
    assert [frame.desc for frame in file.getall("TXXX")] == ["XXXX"]
    stored = [
        media.run("-i", f"file:{path}", "-map", "0:a", "-c", "copy", "-f", "md5", "pipe:1")
        for path in paths
    ]
    assert stored[0] == stored[1]
    np.testing.assert_array_equal(media.decode(paths[0]), media.decode(paths[1]))


def test_wav_has_tags_for_programs_without_id3_too(song: Path, tmp_path: Path) -> None:
    data = stem_of(song, tmp_path, Codec.WAV).read_bytes()
    for name, value in [
        *((b"INAM", b"Blue (vocals)"), (b"IART", b"Ann"), (b"IPRD", b"Red"), (b"IGNR", b"Jazz")),
        *((b"IPRT", b"3/12"), (b"ICRD", b"1999-05-01")),
    ]:
        assert value in data[data.index(name) :][: len(value) + 8]


def test_wav_of_a_song_without_tags_has_no_chunk_behind_its_samples(tmp_path: Path) -> None:
    song = media.wav(tmp_path / "song.wav", media.tones(0.2))
    data = stem_of(song, tmp_path, Codec.WAV).read_bytes()
    assert b"song (vocals)" in data[: data.index(b"data")]
    assert b"id3 " not in data


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec is not Codec.WMA])
def test_stem_has_the_cover(song: Path, tmp_path: Path, codec: Codec) -> None:
    cover = song.with_name("cover.png").read_bytes()
    file = mutagen.File(stem_of(song, tmp_path, codec))
    if NAMES[codec] is ID3:
        (picture,) = [frame.data for frame in file.tags.getall("APIC")]
    elif NAMES[codec] is ATOMS:
        (picture,) = map(bytes, file.tags["covr"])
    elif codec is Codec.FLAC:
        (picture,) = [picture.data for picture in file.pictures]
    else:
        (block,) = file.tags["metadata_block_picture"]
        parsed = Picture(base64.b64decode(block))
        assert (parsed.type, parsed.mime) == (3, "image/png")
        picture = parsed.data
    assert picture == cover


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.AIFF, Codec.WAV])
def test_chapters_are_those_of_the_part(song: Path, tmp_path: Path, codec: Codec) -> None:
    path = stem_of(song, tmp_path, codec, offset_s=0.5, duration_s=1.0)
    chapters = mutagen.File(path).tags.getall("CHAP")
    spans = [(chapter.start_time, chapter.end_time) for chapter in chapters]
    assert sorted(spans) == [(0, 500), (500, 1000)]


def test_title_format_is_an_option(song: Path, tmp_path: Path) -> None:
    path = stem_of(song, tmp_path, Codec.FLAC, title_format="{artist}: {stem} of {title}")
    assert mutagen.File(path).tags["title"] == ["Ann: vocals of Blue"]


def test_broken_cover_is_left_out(song: Path, tmp_path: Path) -> None:
    data = song.read_bytes()
    at = data.index(b"IDAT") + 4
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(data[:at] + bytes(100) + data[at + 100 :])
    file = mutagen.File(stem_of(broken, tmp_path, Codec.FLAC))
    assert file.tags["title"] == ["Blue (vocals)"]
    assert not file.pictures
