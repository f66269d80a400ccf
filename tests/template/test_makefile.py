"""The Makefile passes values with spaces on as they are."""

import subprocess

from stemdrop_local.deployment import ROOT


def commands(*words: str) -> str:
    """Return the commands that `make` would run."""
    return subprocess.run(
        ["make", "-n", *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def test_npm_may_be_in_a_folder_with_spaces() -> None:
    ran = commands("-W", "functions/api/package-lock.json", "page-libraries", "NPM=/a b/npm")
    assert 'cd functions/api && "/a b/npm" ci ' in ran
