"""The FFT that is loaded without the rest of SciPy is SciPy's own."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.fft

from stemdrop_separate.separation.fft import irfft, rfft

UNLOADABLE = """
import importlib.util
from importlib.machinery import ExtensionFileLoader
load = ExtensionFileLoader.create_module
def fail(*_):
    ExtensionFileLoader.create_module = load
    raise ImportError("DLL load failed")
importlib.util.find_spec("numpy")
ExtensionFileLoader.create_module = fail
"""
# SciPy 1.18 has neither the file nor the module.
WITHOUT_MODULE = """
import importlib
Path.glob = lambda *_: iter(())
load = importlib.import_module
def find(name, package=None):
    if "pocketfft" in name:
        raise ModuleNotFoundError(name)
    return load(name, package)
importlib.import_module = find
"""


@pytest.mark.parametrize("shape", [(4096,), (2, 16, 4096)])
def test_transforms_equal_those_of_scipy(shape: tuple[int, ...]) -> None:
    samples = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    spectrum = rfft(samples)
    assert spectrum.dtype == np.complex64
    np.testing.assert_array_equal(spectrum, scipy.fft.rfft(samples))
    for bins in (1024, 2049):
        restored = irfft(spectrum[..., :bins], 4096)
        assert restored.dtype == np.float32
        np.testing.assert_array_equal(restored, scipy.fft.irfft(spectrum[..., :bins], 4096))


@pytest.mark.parametrize(
    ("before", "imports_scipy"),
    [
        ("", False),
        ("import scipy.fft", True),
        (WITHOUT_MODULE, True),
        (UNLOADABLE, True),
    ],
)
def test_rest_of_scipy_is_imported_only_if_needed(before: str, imports_scipy: bool) -> None:
    lines = [
        "import sys, numpy as np",
        "from pathlib import Path",
        before,
        "from stemdrop_separate.separation.fft import irfft, rfft",
        "spectrum = rfft(np.ones(8, np.float32))",
        "assert spectrum.dtype == np.complex64 and abs(spectrum[0] - 8) < 1e-6",
        "restored = irfft(spectrum[:2], 8)",
        "assert restored.dtype == np.float32 and abs(restored - 1).max() < 1e-6",
        f"assert ('scipy.special' in sys.modules) is {imports_scipy}",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
