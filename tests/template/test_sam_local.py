"""SAM on this machine finds what it needs in the template and in samconfig.toml."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from stemdrop_local.template import API_FUNCTION, FUNCTION, Application

from stemdrop_containers.sam.base import IMAGE
from stemdrop_containers.sam.cli import FOLDER
from stemdrop_containers.sam.functions import TOPICS, values_of

URL = "http://192.0.2.1:5000"
SERVERS = ("local_invoke", "local_start_lambda", "local_start_api")


def test_every_variable_is_one_that_sam_may_set(
    template: dict[str, Any], application: Application
) -> None:
    functions = {API_FUNCTION: application.api, FUNCTION: application.function}
    for logical_id, values in values_of(functions, URL).items():
        properties = template["Resources"][logical_id]["Properties"]
        # SAM takes no variable that the template doesn't name.
        assert values.keys() == properties["Environment"]["Variables"].keys()
        assert values["AWS_ENDPOINT_URL_S3"] == URL
        assert all(values[name] == "" for name in TOPICS & values.keys())


def test_on_aws_nothing_leads_away_from_s3(application: Application) -> None:
    for function in (application.api, application.function):
        assert "AWS_ENDPOINT_URL_S3" not in function.environment


@pytest.mark.parametrize("command", SERVERS)
def test_the_commands_need_no_options(root: Path, command: str) -> None:
    configured = tomllib.loads((root / "samconfig.toml").read_text())
    parameters = configured["default"][command]["parameters"]
    assert root / parameters["env_vars"] == FOLDER / "env.json"
    assert parameters["skip_pull_image"] is True


def test_the_stand_in_is_for_the_functions_runtime(template: dict[str, Any]) -> None:
    properties = template["Resources"][API_FUNCTION]["Properties"]
    runtime = properties["Runtime"].removeprefix("python")
    assert f"public.ecr.aws/lambda/python:{runtime}-x86_64" == IMAGE
