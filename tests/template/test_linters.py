"""AWS's own tools accept template.yaml, without a network and without anybody's account."""

import os
import subprocess
from pathlib import Path

import pytest

COMMANDS = {
    "cfn-lint": [".venv/bin/cfn-lint", "template.yaml"],
    "sam validate": [".venv-sam/bin/sam", "validate", "--lint", "--template", "template.yaml"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_template_passes_without_a_warning(name: str, root: Path, tmp_path: Path) -> None:
    program, *arguments = COMMANDS[name]
    run = subprocess.run(
        [root / program, *arguments],
        cwd=root,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    assert output.strip() in {"", f"{root / 'template.yaml'} is a valid SAM Template"}
