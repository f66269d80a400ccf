"""template.yaml and the image set exactly the variables that the functions' settings read."""

import re
from pathlib import Path

import pytest

from recording_environment import RecordingEnvironment
from stemdrop.errors import SetupError
from stemdrop_api.settings import ApiSettings
from stemdrop_lyrics.settings import LyricsSettings
from stemdrop_separate.settings import Settings
from stemdrop_webhook.settings import WebhookSettings
from templates import Resolver, Template
from webhook_receiver import SECRET

# Powertools reads these.
POWERTOOLS = {
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
}
READ_BY_NUMPY = {"OPENBLAS_NUM_THREADS"}
SET_BY_THE_IMAGE = {"MODEL_DIR"}
SET_BY_HAND = {"FFMPEG", "RETRY_DELAYS_S", "WEBHOOK_LOOPBACK"}


@pytest.fixture(scope="module")
def complete(template: Template) -> Resolver:
    """Return a resolver with the parameters that give each function its variables."""
    given = {
        "AccessToken": "t" * 32,
        "Lyrics": "transcribe",
        "WebhookHosts": "hooks.example.org",
        "WebhookSecret": SECRET,
    }
    return Resolver(template, given)


@pytest.mark.parametrize(
    ("function", "settings", "of_packages"),
    [
        ("SeparateFunction", Settings, POWERTOOLS | READ_BY_NUMPY),
        ("ApiFunction", ApiSettings, POWERTOOLS - {"POWERTOOLS_METRICS_NAMESPACE"}),
        ("WebhookFunction", WebhookSettings, set()),
        ("LyricsFunction", LyricsSettings, set()),
    ],
)
def test_every_variable_is_set_and_read(
    complete: Resolver,
    function: str,
    settings: type[Settings | ApiSettings | WebhookSettings | LyricsSettings],
    of_packages: set[str],
) -> None:
    variables = complete.environment(function)
    environment = RecordingEnvironment({**variables, "MODEL_DIR": "/opt/models"})
    settings.from_env(environment)
    assert variables.keys() >= of_packages
    assert variables.keys() - of_packages == environment.names - SET_BY_THE_IMAGE - SET_BY_HAND


def test_values_are_valid_settings(resolver: Resolver) -> None:
    environment = resolver.environment("SeparateFunction")
    settings = Settings.from_env({**environment, "MODEL_DIR": "/opt/models"})
    assert settings.max_upload_bytes == 1_000_000_000
    assert settings.max_duration_s == 3600
    assert settings.completion_topic_arn == resolver.resolve({"Ref": "CompletionTopic"})
    buckets = {"UploadsBucket": settings.uploads_bucket, "StemsBucket": settings.stems_bucket}
    assert buckets == resolver.names("AWS::S3::Bucket")


def test_lyrics_are_written_by_the_engine_of_the_parameter(template: Template) -> None:
    for engine in ("none", "transcribe", "tiny.en"):
        resolver = Resolver(template, {"Lyrics": engine, "AccessToken": "t" * 32})
        environment = resolver.environment("SeparateFunction")
        settings = Settings.from_env({**environment, "MODEL_DIR": "/opt/models"})
        assert settings.lyrics == engine
        assert bool(settings.lyrics_queue_url) is (engine == "transcribe")
        assert ApiSettings.from_env(resolver.environment("ApiFunction")).lyrics == engine
    function = LyricsSettings.from_env(resolver.environment("LyricsFunction"))
    separator = resolver.environment("SeparateFunction")
    assert function.metrics_namespace == separator["POWERTOOLS_METRICS_NAMESPACE"]
    assert function.stems_bucket == resolver.names("AWS::S3::Bucket")["StemsBucket"]


def test_image_check_sets_every_variable(root: Path) -> None:
    text = (root / "Dockerfile").read_text()
    check = next(part for part in text.split("\nRUN ") if "stemdrop_separate.smoke" in part)
    given = set(re.findall(r"\b([A-Z_]+)=", check.split("setpriv")[0]))
    assert given == Settings.VARIABLES - SET_BY_THE_IMAGE | {"AWS_REGION", "LYRICS"}
    assert "MODEL_DIR=/opt/models" in text


def test_api_has_the_limits_of_the_separator(resolver: Resolver) -> None:
    api, separator = map(resolver.environment, ("ApiFunction", "SeparateFunction"))
    for name in ("UPLOADS_BUCKET", "STEMS_BUCKET", "MAX_UPLOAD_BYTES", "MAX_DURATION_S"):
        assert api[name] == separator[name]
    assert api["SEPARATE_MEMORY_MB"] == resolver.properties("SeparateFunction")["MemorySize"]


@pytest.mark.parametrize(
    "given",
    [{"AccessToken": "t" * 32}, {"JwtIssuer": "https://issuer.example", "JwtAudience": "stemdrop"}],
)
def test_the_api_starts_with_a_credential(template: Template, given: dict[str, str]) -> None:
    settings = ApiSettings.from_env(Resolver(template, given).environment("ApiFunction"))
    assert settings.url_lifetime_s == 900


def test_the_api_does_not_start_without_a_credential(resolver: Resolver) -> None:
    with pytest.raises(SetupError, match="ACCESS_TOKEN"):
        ApiSettings.from_env(resolver.environment("ApiFunction"))
