import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import SetupError
from stemdrop.models import Model
from stemdrop_api.settings import ApiSettings

TOKEN = "t" * 32
GOOD = {
    "UPLOADS_BUCKET": "songs",
    "STEMS_BUCKET": "stems",
    "MODELS": "2stems 5stems",
    "MAX_UPLOAD_BYTES": "1000000000",
    "MAX_DURATION_S": "3600",
    "RETENTION_DAYS": "7",
    "URL_LIFETIME_S": "900",
    "ARCHITECTURE": "arm64",
    "SEPARATE_MEMORY_MB": "3008",
    "ACCESS_TOKEN": TOKEN,
}


def test_environment_gives_the_settings() -> None:
    assert ApiSettings.from_env(GOOD | {"PATH": "/bin"}) == ApiSettings(
        uploads_bucket="songs",
        stems_bucket="stems",
        weights=("2stems", "5stems"),
        max_upload_bytes=1_000_000_000,
        max_duration_s=3600,
        retention_days=7,
        url_lifetime_s=900,
        architecture="arm64",
        separate_memory_mb=3008,
        access_token=TOKEN,
        jwt_issuer="",
    )


def test_missing_variable_is_named() -> None:
    for name in GOOD:
        with pytest.raises(SetupError, match=rf"\b{name}\b"):
            ApiSettings.from_env(GOOD | {name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODELS", "2stems,5stems"),
        ("MODELS", "2stems-16kHz"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_DURATION_S", "0"),
        ("RETENTION_DAYS", "0"),
        ("URL_LIFETIME_S", "0"),
        ("ARCHITECTURE", "sparc"),
        ("SEPARATE_MEMORY_MB", "0"),
    ],
)
def test_invalid_value_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SetupError) as raised:
        ApiSettings.from_env(GOOD | {name: value})
    assert name in raised.value.message


@given(st.sampled_from(sorted(GOOD)), st.text(max_size=50))
def test_any_environment_gives_settings_or_a_setup_error(name: str, value: str) -> None:
    try:
        ApiSettings.from_env(GOOD | {name: value})
    except SetupError as error:
        assert name in error.message  # noqa: PT017


def test_settings_without_a_credential_are_refused() -> None:
    for environment in (
        GOOD | {"ACCESS_TOKEN": ""},
        {**GOOD, "ACCESS_TOKEN": "", "JWT_ISSUER": ""},
    ):
        with pytest.raises(SetupError, match="ACCESS_TOKEN or JWT_ISSUER"):
            ApiSettings.from_env(environment)


def test_issuer_without_a_token_is_accepted() -> None:
    settings = ApiSettings.from_env(
        GOOD | {"ACCESS_TOKEN": "", "JWT_ISSUER": "https://issuer.example"}
    )
    assert (settings.access_token, settings.jwt_issuer) == ("", "https://issuer.example")


@pytest.mark.parametrize("token", ["t" * 31, "t" * 32 + " ", "t" * 32 + "\n", "ü" * 32, " " * 40])
def test_weak_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(SetupError, match="ACCESS_TOKEN") as raised:
        ApiSettings.from_env(GOOD | {"ACCESS_TOKEN": token})
    assert token not in raised.value.message


def test_lyrics_need_no_engine() -> None:
    for environment, lyrics in (
        (GOOD, "none"),
        (GOOD | {"LYRICS": ""}, "none"),
        (GOOD | {"LYRICS": "tiny.en"}, "tiny.en"),
    ):
        assert ApiSettings.from_env(environment).lyrics == lyrics


def test_repr_of_settings_hides_the_token() -> None:
    assert TOKEN not in repr(ApiSettings.from_env(GOOD))


def test_model_without_weights_is_unavailable() -> None:
    assert ApiSettings.from_env(GOOD).models == (
        Model.TWO_STEMS,
        Model.FIVE_STEMS,
        Model.TWO_STEMS_16KHZ,
        Model.FIVE_STEMS_16KHZ,
    )
