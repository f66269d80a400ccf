"""template.yaml and the image set exactly the variables that the function's settings read."""

import re
from pathlib import Path

from stemdrop_local.template import Application
from stemdrop_separate.settings import Settings

# Powertools reads these by itself.
POWERTOOLS = {
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
}
SET_BY_THE_IMAGE = {"MODEL_DIR"}


def test_every_variable_is_set_and_read(application: Application) -> None:
    variables = set(application.function.environment)
    assert variables >= POWERTOOLS
    assert variables - POWERTOOLS == Settings.VARIABLES - SET_BY_THE_IMAGE - Settings.OPTIONAL


def test_the_values_are_ones_that_settings_take(application: Application) -> None:
    settings = Settings.from_env({**application.function.environment, "MODEL_DIR": "/opt/models"})
    assert settings.max_upload_bytes == 1_000_000_000
    assert settings.max_duration_s == 3600
    assert [settings.uploads_bucket, settings.stems_bucket] == [
        bucket.name for bucket in application.buckets
    ]


def test_the_images_check_sets_every_variable(root: Path) -> None:
    text = (root / "Dockerfile").read_text()
    check = next(part for part in text.split("\nRUN ") if "import stemdrop_separate" in part)
    given = set(re.findall(r"\b([A-Z_]+)=", check.split("setpriv")[0]))
    assert given == Settings.VARIABLES - SET_BY_THE_IMAGE | {"AWS_REGION"}
    assert "MODEL_DIR=/opt/models" in text
