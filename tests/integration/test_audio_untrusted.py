"""Files that refer to other files or URLs, which ffmpeg must not open."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import media
from benchmarks.loopback_server import LoopbackHandler, LoopbackServer
from media import FFMPEG
from stemdrop.errors import EmptyAudioError, NotAudioError
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.ffmpeg import DEMUXERS, MEMORY_LIMIT_BYTES
from stemdrop_separate.audio.probe import probe

Manifest = Callable[..., str]


class RequestRecorder(LoopbackServer):
    """An HTTP server that records requests."""

    def __init__(self) -> None:
        super().__init__(_RecordingHandler)
        self.requests: list[str] = []


class _RecordingHandler(LoopbackHandler):
    owner: RequestRecorder

    def do_GET(self) -> None:
        self.owner.requests.append(self.path)
        self.send_error(404)


@pytest.fixture
def server() -> Iterator[RequestRecorder]:
    with RequestRecorder() as server:
        yield server


def hls(*targets: str) -> str:
    entries = "".join(f"#EXTINF:1,\n{target}\n" for target in targets)
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{entries}#EXT-X-ENDLIST\n"


def dash(*targets: str) -> str:
    sets = "".join(
        f'<AdaptationSet mimeType="audio/mp4"><Representation id="{number}" bandwidth="128000">'
        f"<BaseURL>{target}</BaseURL><SegmentBase/></Representation></AdaptationSet>"
        for number, target in enumerate(targets)
    )
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
        ' mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
        f"<Period>{sets}</Period></MPD>"
    )


def concat(*targets: str) -> str:
    return "ffconcat version 1.0\n" + "".join(f"file '{target}'\n" for target in targets)


def sdp(*_: str) -> str:
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 5004 RTP/AVP 97\na=rtpmap:97 L16/44100/2\n"
    )


@pytest.fixture(scope="module")
def short_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.encode(tmp_path_factory.mktemp("song") / "plain.mp3", media.tones(0.5))


@pytest.mark.parametrize(
    ("manifest", "suffix"),
    [
        *((hls, suffix) for suffix in ("m3u8", "mp3", "ogg")),
        *((dash, suffix) for suffix in ("mpd", "mp3", "txt")),
        *((concat, suffix) for suffix in ("ffconcat", "mp3", "txt")),
        *((sdp, suffix) for suffix in ("sdp", "mp3", "ogg")),
    ],
)
def test_playlist_is_not_followed(
    tmp_path: Path, server: RequestRecorder, suffix: str, manifest: Manifest
) -> None:
    secret = media.encode(tmp_path / "secret.m4a", media.tones(0.1))
    path = tmp_path / f"song.{suffix}"
    for target in (f"{server.url}/a.m4a", f"file:{secret}", str(secret), "secret.m4a"):
        path.write_text(manifest(target))
        with pytest.raises(NotAudioError):
            probe(path, FFMPEG)
    assert server.requests == []


@pytest.mark.parametrize(("manifest", "suffix"), [(hls, "m3u8"), (dash, "mp3"), (concat, "mp3")])
def test_playlist_without_allow_lists_is_followed(
    tmp_path: Path, server: RequestRecorder, manifest: Manifest, suffix: str
) -> None:
    path = tmp_path / f"song.{suffix}"
    path.write_text(manifest(f"{server.url}/a.m4a"))
    open_to_all = ("-protocol_whitelist", "file,http,tcp", "-i", f"file:{path}")
    unsafe = ("-safe", "0") if manifest is concat else ()
    subprocess.run(
        [FFMPEG, "-nostdin", *unsafe, *open_to_all, "-f", "null", "-"],
        capture_output=True,
        check=False,
    )
    assert server.requests == ["/a.m4a"]


def test_external_samples_are_not_read(tmp_path: Path) -> None:
    media.encode(tmp_path / "secret.raw", media.tones(1.0), "-f", "s16le")
    path = media.mov_with_external_data(tmp_path / "song.mov", media.tones(1.0), "secret.raw")
    followed = media.run("-enable_drefs", "1", "-i", f"file:{path}", "-f", "f32le", "pipe:1")
    assert np.frombuffer(followed, "<f4").max() > 0.1  # the reference itself is valid
    with pytest.raises(EmptyAudioError):
        probe(path, FFMPEG)


@pytest.mark.parametrize(
    "name",
    [
        *("two words.mp3", 'it\'s "quoted".mp3', "-i.mp3", "--help.mp3", "100%d.mp3", "%03d.mp3"),
        *("http:__x.mp3", "concat:a|b.mp3", "pipe:0.mp3", "🎸 naïve.mp3", "a\nb.mp3", "*?[x].mp3"),
        *("~.mp3", "$HOME.mp3", "a;b&c.mp3", "back\\slash.mp3", f"{'long' * 60}.mp3"),
    ],
)
def test_unusual_file_name_is_decoded(
    tmp_path: Path, short_song: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(short_song.read_bytes())
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        with Decoder(path, probe(path, FFMPEG), FFMPEG, max_duration_s=10.0) as blocks:
            assert sum(map(len, blocks)) == 22_050


def test_every_allowed_format_exists_in_ffmpeg() -> None:
    lines = media.run("-demuxers").decode().splitlines()
    entries = [line.split() for line in lines if line.startswith(" D ")]
    known = {name for entry in entries for part in entry[1:-1] for name in part.split(",")}
    assert set(DEMUXERS.split(",")) <= known


def samples_announced(folder: Path) -> Path:
    """Write an m4a of a few kilobytes that announces 89 million blocks of sound."""
    path = media.encode(folder / "song.m4a", media.tones(0.5))
    data = bytearray(path.read_bytes())
    for name, offset, value in [
        *((b"stsz", 8, 1), (b"stsz", 12, 89_000_000)),
        *((b"stts", 12, 89_000_000), (b"stsc", 16, 89_000_000)),
    ]:
        at = data.index(name) + offset
        data[at : at + 4] = struct.pack(">I", value)
    path.write_bytes(data)
    return path


PROBE_AND_DECODE = """
import resource, sys
from pathlib import Path
from stemdrop.errors import RejectedError
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.audio.probe import probe
path, ffmpeg = Path(sys.argv[1]), find_ffmpeg(None)
try:
    with Decoder(path, probe(path, ffmpeg), ffmpeg, max_duration_s=3600.0) as blocks:
        print(sum(map(len, blocks)), end=" ")
except RejectedError as error:
    print(error.code, end=" ")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def test_small_file_takes_little_memory(tmp_path: Path) -> None:
    # Without limits it takes 3.1 GB.
    command = [sys.executable, "-c", PROBE_AND_DECODE, str(samples_announced(tmp_path))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    outcome, peak_mb = ended.stdout.split()
    assert outcome in {"empty_audio", "not_audio"}
    assert int(peak_mb) < 300


def test_memory_of_a_decoder_is_limited(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(20.0))
    with Decoder(path, probe(path, FFMPEG), FFMPEG, max_duration_s=60.0) as blocks:
        next(iter(blocks))
        limits = Path(f"/proc/{blocks._running.process.pid}/limits").read_text()
        (size,) = [line.split()[3] for line in limits.splitlines() if "Max data size" in line]
        assert int(size) == MEMORY_LIMIT_BYTES
