"""How near separated stems come to the true ones: BSS Eval v4 and SI-SDR.

BSS Eval takes the stem that came back apart: into what the true one, filtered by at most 512 taps,
explains, what the other stems add, and what is left. museval computes it as for the evaluation
campaigns: with filters for the whole song, in windows of a second, of which the median counts.
Windows in which a stem is silent say nothing, and are left out.

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
    """One stem's figures in dB; NaN where there is nothing to measure.

    Attributes
    ----------
    sdr : signal to distortion: to everything that is wrong.
    sir : signal to interference: to the other stems.
    sar : signal to artifacts: to what none of the stems explains.
    isr : image to spatial distortion: to a wrong filter, level or place.
    si_sdr : scale-invariant signal to distortion, of the whole song at once.
    """

    sdr: float
    sir: float
    sar: float
    isr: float
    si_sdr: float


FIGURES = {"sdr": "SDR", "sir": "SIR", "sar": "SAR", "isr": "ISR", "si_sdr": "SI-SDR"}


def measure_stems(references: Stems, estimates: Stems) -> dict[str, StemScore]:
    """Measure all stems of a song, each against the others.

    Parameters
    ----------
    references : name to the true stem, float32, shape (samples, channels); those that are silent
        throughout are left out, since nothing can be said of them.
    estimates : name to what came back; it is cut, or filled with silence, to the true length.
    """
    heard = [stem for stem in estimates if stem in references and np.any(references[stem])]
    if len(heard) < 2:  # between one stem alone and the others there is no difference
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
    """Return the median of each figure over songs."""
    columns = zip(*map(astuple, scores), strict=True)
    return StemScore(*(_median(np.array(column)) for column in columns))


@cache
def _museval() -> Any:
    """Load the part of museval that measures.

    The package as a whole reads songs too, and can't be imported where the PATH has no ffprobe.
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
