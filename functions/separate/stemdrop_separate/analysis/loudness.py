"""Integrated loudness of a stereo song by ITU-R BS.1770-4, as EBU R 128 demands, and its peak."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ, Samples

# The filter runs on 49 samples at a time, and energies are added up for 100 ms: a quarter of a
# gating block, and the step from one to the next. OpenBLAS divides products of more than 2^18
# multiplications among threads, which spin for 10 ms afterwards; these are smaller.
RUN, RUNS = 49, 90
STEP = RUN * RUNS
STEPS_PER_BLOCK = 4
FULL_SCALE_LUFS = -0.691
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0

Matrix = NDArray[np.float64]


class LoudnessMeter:
    """Measures a stream of samples."""

    def __init__(self) -> None:
        self._rest = np.zeros((2, 0), np.float32)
        self._state = np.zeros((2, 1, _filter()[0].shape[0]), np.float32)
        self._energies: list[Samples] = []
        self._peak = 0.0

    def add(self, samples: Samples) -> None:
        """Take the next samples, float32, shape (samples, 2)."""
        if len(samples):
            self._peak = max(self._peak, float(samples.max()), -float(samples.min()))
        held = self._rest.shape[1]
        steps, rest = divmod(held + len(samples), STEP)
        whole = np.empty((2, steps * STEP), np.float32)
        used = len(samples) - rest
        if used < 0:
            self._rest = np.concatenate([self._rest, samples.T], axis=1)
            return
        whole[:, :held] = self._rest
        whole[:, held:] = samples[:used].T
        self._rest = samples[used:].T.copy()
        self._energies.append(self._filtered_energies(whole.reshape(-1, RUNS, RUN)))

    def _filtered_energies(self, runs: Samples) -> Samples:
        """Return the energy of both channels behind the K-weighting, for each step."""
        response, output, entry, transition, decay = _matrices()
        order = len(transition)
        entries = (runs @ entry).reshape(2, -1, RUNS, order)
        states = np.empty_like(entries)
        state = np.zeros_like(entries[:, :, 0])
        for run in range(RUNS):
            states[:, :, run] = state
            state = state @ transition + entries[:, :, run]
        # What a step leaves in the filter dies away within the next.
        before = np.concatenate([self._state, state], axis=1)
        self._state = before[:, -1:]
        states += (before[:, :-1] @ decay).reshape(states.shape)
        filtered = runs @ response
        filtered += states.reshape(-1, RUNS, order) @ output
        energies: Samples = np.einsum("srt,srt->s", filtered, filtered)
        return np.asarray(energies.reshape(2, -1).sum(axis=0))

    @property
    def peak_dbfs(self) -> float | None:
        """Return the largest sample in decibels, 0 being full scale; None for silence."""
        return 20 * math.log10(self._peak) if self._peak else None

    def integrated_lufs(self) -> float | None:
        """Return the loudness; None if nothing is louder than the absolute gate."""
        steps = np.concatenate([np.zeros(0, np.float32), *self._energies]).astype(np.float64)
        if len(steps) < STEPS_PER_BLOCK:
            return None
        blocks = np.convolve(steps, np.ones(STEPS_PER_BLOCK), "valid") / (STEPS_PER_BLOCK * STEP)
        loud = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
        if not len(loud):
            return None
        gated = loud[loud > loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
        return FULL_SCALE_LUFS + 10 * math.log10(gated.mean())


def _power(loudness_lufs: float) -> float:
    return float(10 ** ((loudness_lufs - FULL_SCALE_LUFS) / 10))


@cache
def _matrices() -> tuple[Samples, ...]:
    """Return the filter as products of matrices, since nothing that ships has a recursive filter.

    Returns
    -------
    response : Run to its output, shape (RUN, RUN).
    output : State before a run to its output, shape (4, RUN).
    entry : Run to the state that it leaves, shape (RUN, 4).
    transition : State before a run to the state that it leaves, shape (4, 4).
    decay : State before a step to those that it leaves before each run, shape (4, RUNS * 4).
    """
    transition, entry, exit_, direct = _filter()
    powers = [np.linalg.matrix_power(transition, n) for n in range(RUN + 1)]
    impulse = np.array([direct, *(exit_ @ power @ entry for power in powers[: RUN - 1])])
    lags = np.arange(RUN)[np.newaxis] - np.arange(RUN)[:, np.newaxis]
    response = np.where(lags >= 0, impulse[np.maximum(lags, 0)], 0)
    output = np.stack([exit_ @ power for power in powers[:RUN]], axis=1)
    entries = np.stack([power @ entry for power in powers[RUN - 1 :: -1]])
    decay = [np.linalg.matrix_power(powers[RUN], run).T for run in range(RUNS)]
    matrices = (response, output, entries, powers[RUN].T, np.concatenate(decay, axis=1))
    return tuple(matrix.astype(np.float32) for matrix in matrices)


def _filter() -> tuple[Matrix, Matrix, Matrix, float]:
    """Return the K-weighting at the sample rate: a shelf and a high-pass, one after the other."""
    (a1, b1, c1, d1), (a2, b2, c2, d2) = map(_state_space, (_shelf(), _high_pass()))
    transition = np.block([[a1, np.zeros((2, 2))], [np.outer(b2, c1), a2]])
    entry, exit_ = np.concatenate([b1, b2 * d1]), np.concatenate([d2 * c1, c2])
    scale = _state_scale(transition, entry)
    inverse = np.linalg.inv(scale)
    return inverse @ transition @ scale, inverse @ entry, exit_ @ scale, d1 * d2


def _state_scale(transition: Matrix, entry: Matrix) -> Matrix:
    """Return the scale of the states that noise leaves, shape (4, 4).

    The poles of the high-pass are so close to 1 that float32 keeps only states of one scale exactly
    enough: with others, an offset of 0.5 was measured as -60 LUFS.
    """
    size = len(entry)
    equations = np.eye(size**2) - np.kron(transition, transition)
    covariance = np.linalg.solve(equations, np.outer(entry, entry).ravel()).reshape(size, size)
    scale: Matrix = np.linalg.cholesky((covariance + covariance.T) / 2)
    return scale


def _shelf() -> tuple[Matrix, Matrix]:
    """Return numerator and denominator of the first stage.

    Source: ``ebur128_init_filter`` of libebur128 1.2.6, which derives the coefficients that the
    standard has for 48 kHz.
    """
    tangent, quality = math.tan(math.pi * 1681.974450955533 / SAMPLE_RATE_HZ), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    square, slope = tangent**2, tangent / quality
    side = middle * slope
    numerator = np.array([high + side + square, 2 * (square - high), high - side + square])
    denominator = np.array([1 + slope + square, 2 * (square - 1), 1 - slope + square])
    return numerator / denominator[0], denominator / denominator[0]


def _high_pass() -> tuple[Matrix, Matrix]:
    """Return numerator and denominator of the second stage; see `_shelf`."""
    tangent, quality = math.tan(math.pi * 38.13547087602444 / SAMPLE_RATE_HZ), 0.5003270373238773
    square, slope = tangent**2, tangent / quality
    denominator = np.array([1 + slope + square, 2 * (square - 1), 1 - slope + square])
    return np.array([1.0, -2.0, 1.0]), denominator / denominator[0]


def _state_space(section: tuple[Matrix, Matrix]) -> tuple[Matrix, Matrix, Matrix, float]:
    """Return a filter of second order as matrices: its transposed direct form II."""
    (b0, b1, b2), (_, a1, a2) = section
    transition = np.array([[-a1, 1.0], [-a2, 0.0]])
    return transition, np.array([b1 - a1 * b0, b2 - a2 * b0]), np.array([1.0, 0.0]), float(b0)
