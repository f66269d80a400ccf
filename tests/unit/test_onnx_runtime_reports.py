"""ONNX Runtime is always loaded with its usage reports off."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stemdrop_local.deployment import ROOT

IMPORTING = [
    path.relative_to(ROOT / "functions" / "separate")
    for path in sorted((ROOT / "functions" / "separate").rglob("*.py"))
    if re.search(r"^\s*(?:import|from) onnxruntime\b", path.read_text(), re.MULTILINE)
]
# Stands in for ONNX Runtime, which reads the variable when it is loaded.
IMPORT = """
import os, sys
class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
            raise SystemExit
sys.meta_path.insert(0, Finder)
import MODULE
"""


@pytest.mark.parametrize("path", IMPORTING, ids=str)
def test_usage_reports_are_off_before_onnx_runtime_is_loaded(path: Path) -> None:
    module = ".".join(path.with_suffix("").parts)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT.replace("MODULE", module)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "1\n"


def test_modules_that_import_onnx_runtime_are_found() -> None:
    assert len(IMPORTING) >= 3
