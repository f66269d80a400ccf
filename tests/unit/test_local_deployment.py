"""Deployment into the emulator: the program that runs its functions."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stemdrop_local.deployment import _bootstrap_zip


def test_bootstrap_runs_a_python_whose_path_has_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "it's a checkout" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with zipfile.ZipFile(io.BytesIO(_bootstrap_zip())) as archive:
        bootstrap = archive.read("bootstrap").decode()
    ran = subprocess.run(["sh", "-c", bootstrap], check=True, capture_output=True, text=True)
    assert ran.stdout == "-m stemdrop_local.bootstrap\n"
