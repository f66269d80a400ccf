"""SciPy's FFT of real float32 values, loaded without the rest of SciPy where that is possible.

`import scipy.fft` takes 0.1 s of processor time for parts of SciPy that nothing here uses. So the
compiled module is loaded from its file, up to SciPy 1.17, and `scipy.fft` is used where there is no
such file: 1.18 has another module. numpy before 2.0 computes such an FFT in float64.
"""

import importlib.util
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

NAME = "scipy.fft._pocketfft.pypocketfft"
# Values of the module's argument `inorm`.
UNSCALED, DIVIDED_BY_LENGTH = 0, 2


def _load() -> ModuleType:
    if NAME in sys.modules:
        return sys.modules[NAME]
    scipy = importlib.util.find_spec("scipy")
    for folder in (scipy.submodule_search_locations if scipy else None) or ():
        for path in Path(folder, "fft", "_pocketfft").glob("pypocketfft*"):
            spec = importlib.util.spec_from_file_location(NAME, path)
            # On Windows, the libraries that it needs may be found only by way of SciPy.
            with suppress(ImportError):
                if spec and spec.loader:
                    module = importlib.util.module_from_spec(spec)
                    spec.loader.exec_module(module)
                    return module
    return importlib.import_module("scipy.fft")


_module = _load()
_is_compiled = hasattr(_module, "r2c")


def rfft(values: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return what `scipy.fft.rfft` does, along the last axis."""
    if not _is_compiled:
        return np.asarray(_module.rfft(values), np.complex64)
    spectrum: NDArray[np.complex64] = _module.r2c(values, (-1,), True, UNSCALED, None, 1)
    return spectrum


def irfft(spectrum: NDArray[np.complex64], length: int) -> NDArray[np.float32]:
    """Return what `scipy.fft.irfft` does, along the last axis; missing bins count as zero."""
    if not _is_compiled:
        return np.asarray(_module.irfft(spectrum, length), np.float32)
    bins = length // 2 + 1
    if spectrum.shape[-1] < bins:
        padded = np.zeros((*spectrum.shape[:-1], bins), np.complex64)
        padded[..., : spectrum.shape[-1]] = spectrum
        spectrum = padded
    samples: NDArray[np.float32] = _module.c2r(
        spectrum, (-1,), length, False, DIVIDED_BY_LENGTH, None, 1
    )
    return samples
