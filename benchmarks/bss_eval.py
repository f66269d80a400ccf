"""Scores of separated stems against the true stems: BSS Eval v4 and SI-SDR.

BSS Eval decomposes a stem into the true stem filtered by at most 512 taps, interference from other
stems, and artifacts. museval computes it as for the evaluation campaigns: with filters for the
whole song, as the median of one-second windows. Windows in which a stem is silent are ignored.

Source: A. Liutkus, F.-R. Stöter, N. Ito, "The 2018 Signal Separation Evaluation Campaign",
LVA/ICA 2018, section 3.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import si_sdr_db
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

Waveform = NDArray[np.float32]
Stems = Mapping[str, Waveform]


@dataclass(frozen=True, slots=True)
class StemScore:
    """Scores of one stem in dB. NaN if there is nothing to measure.

    Attributes
    ----------
    sdr : Signal-to-distortion ratio, which includes all errors.
    sir : Signal-to-interference ratio: leakage from other stems.
    sar : Signal-to-artifacts ratio: errors that no stem explains.
    isr : Image-to-spatial-distortion ratio: errors in filter, level or position.
    si_sdr : Scale-invariant signal-to-distortion ratio of the whole song.
    """

    sdr: float
    sir: float
    sar: float
    isr: float
    si_sdr: float


FIGURES = {"sdr": "SDR", "sir": "SIR", "sar": "SAR", "isr": "ISR", "si_sdr": "SI-SDR"}


def measure_stems(references: Stems, estimates: Stems) -> dict[str, StemScore]:
    """Score all stems of a song.

    Parameters
    ----------
    references : Name to true stem, float32, shape (samples, channels). Silent stems are ignored.
    estimates : Name to separated stem, which is truncated or padded to the true length.
    """
    heard = [stem for stem in estimates if stem in references and np.any(references[stem])]
    if len(heard) < 2:  # a single stem has no interference
        return {}
    truth = [np.asarray(references[stem], np.float64) for stem in heard]
    found = [_fitted(estimates[stem], len(truth[0])) for stem in heard]
    sdr, isr, sir, sar, _ = _museval().bss_eval(
        np.stack(truth), np.stack(found), window=SAMPLE_RATE_HZ, hop=SAMPLE_RATE_HZ
    )
    return {
        stem: StemScore(
            sdr=_median(sdr[index]),
            sir=_median(sir[index]),
            sar=_median(sar[index]),
            isr=_median(isr[index]),
            si_sdr=si_sdr_db(references[stem], found[index].astype(np.float32)),
        )
        for index, stem in enumerate(heard)
    }


def over_songs(scores: list[StemScore]) -> StemScore:
    """Return the median of each score over songs."""
    columns = zip(*map(astuple, scores), strict=True)
    return StemScore(*(_median(np.array(column)) for column in columns))


@cache
def _museval() -> Any:
    """Load the metrics module of museval.

    The package itself can't be imported without ffprobe on the PATH.
    """
    package = find_spec("museval")
    folders = package.submodule_search_locations if package else None
    spec = spec_from_file_location("museval_metrics", Path((folders or [""])[0], "metrics.py"))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("museval is not installed: run make setup.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fitted(waveform: Waveform, samples: int) -> NDArray[np.float64]:
    missing = max(0, samples - len(waveform))
    return np.pad(waveform[:samples].astype(np.float64), ((0, missing), (0, 0)))


def _median(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")
