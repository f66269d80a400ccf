from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import SetupError
from stemdrop_separate.models.catalog import BackendName
from stemdrop_separate.settings import Settings

GOOD = {
    "UPLOADS_BUCKET": "songs",
    "STEMS_BUCKET": "stems",
    "MODEL_DIR": "/models",
    "BACKEND": "onnx",
    "MAX_UPLOAD_BYTES": "1000000000",
    "MAX_DURATION_S": "3600",
    "ARCHITECTURE": "x86_64",
}


def test_all_variables_are_read() -> None:
    settings = Settings.from_env(GOOD | {"FFMPEG": "/bin/ffmpeg", "PATH": "/bin"})
    assert (settings.uploads_bucket, settings.stems_bucket) == ("songs", "stems")
    assert settings.model_dir == Path("/models")
    assert settings.backend is BackendName.ONNX
    assert (settings.max_upload_bytes, settings.max_duration_s) == (1_000_000_000, 3600)
    assert (settings.architecture, settings.ffmpeg) == ("x86_64", "/bin/ffmpeg")


def test_a_missing_variable_is_named() -> None:
    for name in GOOD:
        with pytest.raises(SetupError, match=rf"\b{name}\b"):
            Settings.from_env(GOOD | {name: ""})


@pytest.mark.parametrize("ffmpeg", [{}, {"FFMPEG": ""}])
def test_an_optional_variable_may_be_missing(ffmpeg: dict[str, str]) -> None:
    assert Settings.from_env(GOOD | ffmpeg).ffmpeg is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND", "torch"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_DURATION_S", "0"),
        ("ARCHITECTURE", "sparc"),
        ("COMPLETION_TOPIC_ARN", "completed"),
        ("RETRY_DELAYS_S", "soon"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SetupError) as raised:
        Settings.from_env(GOOD | {name: value})
    assert name in raised.value.message
    assert repr(value) in raised.value.message


@given(st.sampled_from(sorted(GOOD)), st.text(max_size=50))
def test_any_environment_is_read_or_a_setup_error(name: str, value: str) -> None:
    try:
        Settings.from_env(GOOD | {name: value})
    except SetupError as error:
        assert name in error.message  # noqa: PT017


def test_the_queue_and_its_delays_are_read() -> None:
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/songs"
    settings = Settings.from_env(GOOD | {"SONG_QUEUE_URL": url, "RETRY_DELAYS_S": "1 2"})
    assert (settings.song_queue_url, settings.retry_delays_s) == (url, (1, 2))


@pytest.mark.parametrize("missing", [{}, {"SONG_QUEUE_URL": "", "RETRY_DELAYS_S": ""}])
def test_without_a_queue_the_delays_are_those_of_aws(missing: dict[str, str]) -> None:
    settings = Settings.from_env(GOOD | missing)
    assert (settings.song_queue_url, settings.retry_delays_s) == (None, (30, 120))


def test_arm_is_cheaper() -> None:
    intel = Settings.from_env(GOOD)
    arm = Settings.from_env(GOOD | {"ARCHITECTURE": "arm64"})
    assert (intel.usd_per_gb_second, arm.usd_per_gb_second) == (0.0000166667, 0.0000133334)


def test_work_folder_is_in_the_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert tmp_path in Settings.from_env(GOOD).work_dir.parents
