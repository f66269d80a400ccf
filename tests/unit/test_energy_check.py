from collections.abc import Callable, Iterator

import numpy as np
import pytest

from stemdrop.errors import SeparationError
from stemdrop_separate.separation.energy_check import EnergyCheck
from stemdrop_separate.separation.masked_segment import mask_segment
from stemdrop_separate.separation.masks import Masks
from stemdrop_separate.separation.stft import OverlapAdd, Samples, frame_blocks, stft

Stems = dict[str, Samples]


def blocks(masks: Masks) -> Iterator[Masks]:
    for block in frame_blocks(next(iter(masks.values())).shape[1]):
        yield {stem: mask[:, block] for stem, mask in masks.items()}


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
    masked = mask_segment(mix, spectrum, np.abs(spectrum), blocks(masks), masks)
    stems = {
        stem: np.ascontiguousarray(OverlapAdd().add(samples).T)
        for stem, samples in masked.stems.items()
    }
    check.add(masked.energies, change(stems))
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
    with pytest.raises(SeparationError, match="weren't published"):
        run_check(wrong)


def test_masks_beyond_one_are_an_error() -> None:
    with pytest.raises(SeparationError, match="all stems"):
        run_check(lambda stems: stems, share=1.4)
