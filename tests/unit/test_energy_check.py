from collections.abc import Callable

import numpy as np
import pytest

from stemdrop.errors import SeparationError
from stemdrop_separate.separation.energy_check import EnergyCheck, spectral_energies
from stemdrop_separate.separation.stft import OverlapAdd, Samples, istft, stft

Stems = dict[str, Samples]


def run_check(
    change: Callable[[Stems], Stems], share: float = 0.3, *, complete: bool = True
) -> None:
    """Check noise that two flat masks divide, after a change to the stems."""
    mix = np.random.default_rng(1).normal(scale=0.1, size=(2, 100_000)).astype(np.float32)
    spectrum = stft(mix)[:, :, :1024]
    masks = {
        "vocals": np.full(spectrum.shape, share, np.float32),
        "accompaniment": np.full(spectrum.shape, 1 - share, np.float32),
    }
    check = EnergyCheck(masks, complete=complete)
    stems = {
        stem: np.ascontiguousarray(OverlapAdd().add(istft(mask * spectrum)).T)
        for stem, mask in masks.items()
    }
    check.add(spectral_energies(np.abs(spectrum), masks), change(stems))
    check.verify()


def test_correct_stems_pass() -> None:
    run_check(lambda stems: stems)


def test_one_correct_stem_passes() -> None:
    run_check(lambda stems: {"vocals": stems["vocals"]}, complete=False)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: {stem: np.zeros_like(samples) for stem, samples in s.items()},
        lambda s: {stem: 2 * samples for stem, samples in s.items()},
        lambda s: {"vocals": s["accompaniment"], "accompaniment": s["vocals"]},
        lambda s: s | {"vocals": s["vocals"] + np.float32("nan")},
        lambda s: s | {"vocals": s["vocals"] + np.float32("inf")},
        lambda s: s | {"accompaniment": -0.1 * s["accompaniment"]},
    ],
    ids=["silent", "doubled", "swapped", "nan", "infinite", "inverted"],
)
def test_wrong_stems_are_an_error(wrong: Callable[[Stems], Stems]) -> None:
    with pytest.raises(SeparationError, match="not handed out"):
        run_check(wrong)


def test_masks_beyond_one_are_an_error() -> None:
    with pytest.raises(SeparationError, match="all stems"):
        run_check(lambda stems: stems, share=1.4)
