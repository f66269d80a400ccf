"""Arguments of `make local`: the token and the number of concurrent songs."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_local import local, services
from stemdrop_local.console import Console
from stemdrop_local.local import TokenError, _parser, _settings, main, token_of
from stemdrop_local.services import LocalServices

LETTERS = string.ascii_letters + string.digits + "._~+/=-"
GOOD = st.text(LETTERS, min_size=32, max_size=256)
BAD = st.text(max_size=31) | GOOD.map(lambda token: f"{token} ") | GOOD.map(lambda token: token * 9)
NOWHERE = Path("/nowhere/token")


@given(GOOD)
def test_given_token_is_used_and_not_saved(token: str) -> None:
    assert token_of(NOWHERE, token) == token
    assert not NOWHERE.exists()


@given(BAD)
def test_invalid_token_is_rejected_without_being_shown(token: str) -> None:
    with pytest.raises(TokenError) as refused:
        token_of(NOWHERE, token)
    assert refused.value.message.startswith("STEMDROP_TOKEN is invalid: ")
    assert len(token) < 8 or token not in refused.value.message


def test_created_token_is_kept_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "token"
    token = token_of(path, None)
    assert len(token) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_of(path, None) == token
    assert token_of(tmp_path / "token", None) != token


@pytest.mark.parametrize("text", ["", "short", "two lines of at least 32 characters\nin all"])
def test_invalid_token_file_is_reported(text: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(TokenError, match=f"^{path} contains no valid token: "):
        token_of(path, None)


@pytest.mark.parametrize("songs", ["0", "-1", "many", "1.5", ""])
def test_songs_argument_takes_positive_numbers(
    songs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--songs={songs}"])
    assert ended.value.code == 2
    assert f"argument --songs: {songs} is not 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--port=70000", "argument --port: 70000 is not 0 to 65535"),
        ("--port=-1", "argument --port: -1 is not 0 to 65535"),
        ("--port=http", "argument --port: http is not 0 to 65535"),
        ("--host=192.0.2.1", "argument --host: invalid choice: '192.0.2.1'"),
    ],
)
def test_invalid_address_is_rejected(
    argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([argument])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["data", "drop", "stems"])
def test_file_in_place_of_a_folder_is_reported(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(local, "end_by_signal", lambda: None)
    (tmp_path / name).touch()
    folders = [f"--{each}={tmp_path / each}" for each in ("data", "drop", "stems")]
    assert main(["--port=0", *folders]) == 1
    assert capsys.readouterr().err == f"stemdrop: {tmp_path / name} is not a folder: rename it.\n"


def test_data_of_another_user_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(local, "end_by_signal", lambda: None)
    monkeypatch.setattr(Path, "read_text", refuse)  # root can read all files
    assert main([f"--data={tmp_path}"]) == 1
    assert capsys.readouterr().err == f"stemdrop: {tmp_path / 'token'}: Permission denied.\n"


def test_webhooks_are_set_by_the_environment(tmp_path: Path) -> None:
    parsed = _parser().parse_args([f"--data={tmp_path}"])
    hosts = {"WEBHOOK_HOSTS": "127.0.0.1:9000", "WEBHOOK_SECRET": "whsec_x", "OTHER": "x"}
    assert _settings(parsed, hosts).parameters == {
        "WebhookHosts": "127.0.0.1:9000",
        "WebhookSecret": "whsec_x",
    }
    assert _settings(parsed, {}).parameters == {}


def test_engine_for_lyrics_is_set_by_an_argument(tmp_path: Path) -> None:
    parsed = _parser().parse_args([f"--data={tmp_path}", "--lyrics=none"])
    assert _settings(parsed, {}).parameters == {"Lyrics": "none"}


@pytest.mark.parametrize(
    ("installed", "packages", "wanted"),
    [
        ({}, True, "none"),
        ({"tiny.en": 1}, False, "none"),
        ({"tiny.en": 1}, True, "tiny.en"),
        ({"tiny.en": 2, "small": 3, "base": 1}, True, "small"),
    ],
)
def test_lyrics_are_written_by_the_largest_model_that_is_installed(
    installed: dict[str, int],
    packages: bool,
    wanted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "find_spec", lambda name: name if packages else None)
    for name, size_bytes in installed.items():
        path = tmp_path / "lyrics" / name / "model.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size_bytes))
    settings = _settings(_parser().parse_args([f"--models={tmp_path}", f"--data={tmp_path}"]), {})
    assert LocalServices(settings, Console())._lyrics() == wanted
