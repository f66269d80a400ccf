"""Usage of measured commands."""

import os
import sys

import pytest

from benchmarks.process_usage import CommandError, measure_process

PYTHON = [sys.executable, "-I", "-S", "-c"]


def test_peak_is_the_commands_and_not_that_of_the_measuring_process() -> None:
    held = bytearray(os.urandom(1024)) * 200_000  # 205 MB
    small = measure_process([*PYTHON, "pass"], os.environ)
    large = measure_process([*PYTHON, "bytearray(b'1') * 100_000_000"], os.environ)
    assert small.peak_bytes < 50e6
    assert 100e6 < large.peak_bytes < 150e6 < len(held)


def test_descendants_count() -> None:
    work = "sum(range(10**6))"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}], check=True)"
    alone, with_child = (measure_process([*PYTHON, text], os.environ) for text in ("pass", code))
    assert alone.cpu_s < with_child.cpu_s


@pytest.mark.parametrize("code", ["import sys; sys.exit('No.')", "import os; os.abort()"])
def test_failure_is_reported_with_the_output(code: str) -> None:
    with pytest.raises(CommandError, match="failed: " + ("No" if "No" in code else "")):
        measure_process([*PYTHON, code], os.environ)
