"""AWS's own tools accept the templates, without a network and without anybody's account."""

import os
import subprocess
from pathlib import Path

import pytest

TEMPLATES = ["template.yaml", "infra/bootstrap.yaml", "infra/monitoring.yaml"]
COMMANDS = {
    # With informational findings, too.
    "cfn-lint": [".venv/bin/cfn-lint", "--include-checks", "I", "--"],
    "sam validate": [".venv-sam/bin/sam", "validate", "--lint", "--template"],
}


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_template_passes_without_a_warning(
    name: str, template: str, root: Path, tmp_path: Path
) -> None:
    program, *arguments = COMMANDS[name]
    run = subprocess.run(
        [root / program, *arguments, template],
        cwd=root,
        env={
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "eu-central-1",  # it asks nobody, but wants one
        },
        capture_output=True,
        text=True,
        check=False,
    )
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    assert output.strip() in {"", f"{root / template} is a valid SAM Template"}


def test_there_are_no_other_templates(root: Path) -> None:
    found = [
        path for path in root.glob("infra/**/*.yaml") if "AWSTemplateFormat" in path.read_text()
    ]
    assert {str(path.relative_to(root)) for path in found} | {"template.yaml"} == set(TEMPLATES)
