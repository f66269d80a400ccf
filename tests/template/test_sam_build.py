"""What `sam build` makes of the template: build arguments, and the stack that is nested in it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PROBE = """
import json, sys
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
stacks, _ = SamLocalStackProvider.get_stacks(
    "template.yaml", parameter_overrides=json.loads(sys.argv[1])
)
function = SamFunctionProvider(stacks).get("SeparateFunction")
print(json.dumps([function.metadata["DockerBuildArgs"], function.architectures]))
"""


def sam(root: Path, home: Path, program: str, *arguments: str) -> str:
    """Run a program of SAM's environment, and return what it prints."""
    environment = {
        # The layer is built with the interpreter that the template names.
        "PATH": os.pathsep.join([str(root / ".venv/bin"), os.defpath]),
        "HOME": str(home),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    run = subprocess.run(
        [root / ".venv-sam/bin" / program, *arguments],
        cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [{"MODELS": "2stems", "BACKEND": "onnx"}, ["x86_64"]]),
        (
            {"Models": "2stems 5stems", "Backend": "tensorflow", "Architecture": "arm64"},
            [{"MODELS": "2stems 5stems", "BACKEND": "tensorflow"}, ["arm64"]],
        ),
    ],
    ids=["defaults", "given"],
)
def test_the_image_is_built_with_the_parameters(
    root: Path, tmp_path: Path, given: dict[str, str], expected: list[Any]
) -> None:
    printed = sam(root, tmp_path, "python", "-c", PROBE, json.dumps(given))
    assert json.loads(printed) == expected


def test_the_alarms_are_built_along(root: Path, tmp_path: Path) -> None:
    built = tmp_path / "built"
    sam(root, tmp_path, "sam", "build", "CoreLayer", "--build-dir", str(built),
        "--config-env", "dev")  # fmt: skip
    template = yaml.safe_load((built / "template.yaml").read_text())
    nested = template["Resources"]["Monitoring"]["Properties"]["TemplateURL"]
    alarms = yaml.safe_load((built / nested).read_text())
    assert "FailuresAlarm" in alarms["Resources"]
    # The anchors are gone: CloudFormation doesn't know them.
    assert "&guarded" not in (built / "template.yaml").read_text()
    paths = template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]
    assert paths["/jobs/{id}"]["get"] == paths["/jobs"]["post"]
