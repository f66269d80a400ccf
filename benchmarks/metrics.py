"""Metrics of the difference between an estimated waveform and the true one.

All metrics take float waveforms of the same shape (samples, channels) and treat all channels as one
signal. They compute in float64, block by block, in constant memory. For waveforms with NaN or
infinity, the ratios are NaN or minus infinity, and the difference is NaN or infinity.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.songs.instruments import Waveform
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

STEPS_16_BIT = 32_768
STRETCH_SAMPLES = 1 << 18
BAND_WINDOW = 2048
# Far below a tone of -90 dBFS.
QUIET_ENERGY = 1e-4


@np.errstate(invalid="ignore", divide="ignore")
def si_sdr_db(reference: Waveform, estimate: Waveform) -> float:
    """Return the scale-invariant signal-to-distortion ratio of an estimate in dB.

    10 log10(|a s|^2 / |e - a s|^2) with a = <e, s> / <s, s>, for the reference s and the estimate
    e: how much of the estimate is the reference, whatever its gain.

    Returns
    -------
    Infinity if the estimate equals the reference, minus infinity if they are orthogonal. A silent
    waveform is orthogonal to any other.

    Raises
    ------
    ValueError : the shapes differ.

    Source: J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR - half-baked or well done?",
    ICASSP 2019, section 2.
    """
    energy = _inner(reference, reference)
    scale = _inner(estimate, reference) / energy if energy else 0.0
    if energy and not scale:
        return -np.inf
    return _ratio_db(scale**2 * energy, _error_energy(reference, estimate, scale))


@np.errstate(invalid="ignore", divide="ignore")
def snr_db(reference: Waveform, estimate: Waveform) -> float:
    """Return the ratio of a waveform to the error of an estimate in dB.

    10 log10(|s|^2 / |e - s|^2) for the reference s and the estimate e; a wrong gain counts.

    Returns
    -------
    Infinity if the two are identical, minus infinity if only the reference is silent.

    Raises
    ------
    ValueError : the shapes differ.
    """
    return _ratio_db(_inner(reference, reference), _error_energy(reference, estimate))


@np.errstate(invalid="ignore", divide="ignore")
def max_step_difference(reference: Waveform, estimate: Waveform) -> float:
    """Return the largest difference of two samples in steps of 16 bit, each 1/32768.

    The waveforms aren't rounded first, so a difference of at most n steps is one of at most n steps
    between two 16-bit files. Empty waveforms differ by 0, and NaN gives NaN.

    Raises
    ------
    ValueError : the shapes differ.
    """
    differences = [np.abs(e - s).max() for s, e in _stretches(reference, estimate)]
    return float(np.max(differences, initial=0.0)) * STEPS_16_BIT


def _ratio_db(signal_energy: float, error_energy: float) -> float:
    if error_energy == 0:
        return np.inf
    return float(10 * np.log10(signal_energy / error_energy)) if signal_energy else -np.inf


def _inner(one: Waveform, other: Waveform) -> float:
    return sum(float(np.vdot(a, b)) for a, b in _stretches(one, other))


def _error_energy(reference: Waveform, estimate: Waveform, scale: float = 1.0) -> float:
    return sum(float(np.sum(np.square(e - scale * s))) for s, e in _stretches(reference, estimate))


def _stretches(
    one: Waveform, other: Waveform
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if one.shape != other.shape:
        raise ValueError(f"the shapes of two waveforms differ: {one.shape} and {other.shape}")
    for start in range(0, len(one), STRETCH_SAMPLES):
        stretch = slice(start, start + STRETCH_SAMPLES)
        yield one[stretch].astype(np.float64), other[stretch].astype(np.float64)


def noise_to_mask_db(reference: Waveform, estimate: Waveform) -> float:
    """Return how near the noise of an encoder is to being heard in dB; 0 is about the threshold.

    The noise's energy in half a Bark, as a share of the energy there that the reference masks:
    14 dB below its own, spread by 27 dB per Bark downwards and 12 dB upwards. It is the mean over
    all bands and windows that aren't silent.

    Source: ITU-R BS.1387, whose noise-to-mask ratio this simplifies.
    """
    spectra = [_band_energies(waveform) for waveform in (reference, estimate - reference)]
    masked = spectra[0] @ _SPREAD * 10**-1.4 + QUIET_ENERGY
    heard = spectra[0].sum(axis=1) > 100 * QUIET_ENERGY
    return 10 * float(np.log10((spectra[1] / masked)[heard].mean()))


def _band_energies(waveform: Waveform) -> NDArray[np.float64]:
    channels = np.lib.stride_tricks.sliding_window_view(waveform, BAND_WINDOW, axis=0)
    windows = channels[:: BAND_WINDOW // 2].reshape(-1, BAND_WINDOW)
    power = np.abs(np.fft.rfft(windows * np.hanning(BAND_WINDOW))) ** 2
    bands: NDArray[np.float64] = np.add.reduceat(power, _BAND_STARTS, axis=1)
    return bands


def _bark(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Source: E. Zwicker, E. Terhardt, 1980."""
    bark = 13 * np.arctan(0.00076 * frequency_hz) + 3.5 * np.arctan((frequency_hz / 7500) ** 2)
    return np.asarray(bark, np.float64)


_BIN_BARKS = _bark(np.fft.rfftfreq(BAND_WINDOW, 1 / SAMPLE_RATE_HZ))
_BAND_STARTS = np.unique(np.searchsorted(_BIN_BARKS, np.arange(0, _BIN_BARKS[-1], 0.5)))
_ABOVE = np.subtract.outer(_BIN_BARKS[_BAND_STARTS], _BIN_BARKS[_BAND_STARTS])
# Row: the band that masks; column: the band that is masked.
_SPREAD = 10 ** (np.where(_ABOVE > 0, -27 * _ABOVE, 12 * _ABOVE) / 10)
