"""Measure the network's floating point operations per second against those of matrix products.

    python -m benchmarks.network_rate

Both run in one thread, in turn. Most of the network is convolutions, which can't be faster than
the products of large matrices: the share says what is left to gain without fewer operations.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from stemdrop.models import Model
from stemdrop_local.deployment import ROOT
from stemdrop_model.architecture import CHANNELS, FRAMES
from stemdrop_model.unet import FILTERS
from stemdrop_separate.models.catalog import Models

RUNS = 9
MATRIX_SIZE = 1536
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class NetworkRate:
    """Medians of operations per second, and of the ratios per pair.

    Attributes
    ----------
    network, product : Operations per second.
    share : Rate of the network, in parts of the product's.
    """

    network: float
    product: float
    share: float


def count_operations(bins: int, instruments: int) -> int:
    """Return the additions and multiplications of the convolutions for a segment."""
    down = zip((CHANNELS, *FILTERS), FILTERS, strict=False)
    up = zip((FILTERS[-1], *(2 * n for n in FILTERS[-2::-1])), (*FILTERS[-2::-1], 1), strict=True)
    products = 0
    for level, (inputs, outputs) in enumerate(down, start=1):
        products += 25 * inputs * outputs * (FRAMES * bins >> 2 * level)
    for level, (inputs, outputs) in zip(range(len(FILTERS), 0, -1), up, strict=True):
        products += 25 * inputs * outputs * (FRAMES * bins >> 2 * level)
    products += 16 * CHANNELS * FRAMES * bins
    return 2 * products * instruments


def measure() -> NetworkRate:
    """Measure in a process of its own, since the threads of numpy are set before it is imported."""
    command = [sys.executable, "-m", "benchmarks.network_rate", "--json"]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, check=True)
    return NetworkRate(**json.loads(done.stdout))


def _measure_here() -> NetworkRate:
    network = Models(ROOT / "build" / "models", threads=1).load(Model.TWO_STEMS)
    magnitude = np.random.default_rng(1).random((1, CHANNELS, FRAMES, network.bins), np.float32)
    matrix = np.random.default_rng(2).random((MATRIX_SIZE, MATRIX_SIZE), np.float32)
    operations = count_operations(network.bins, len(network.instruments))
    rates = [
        (
            operations / _seconds(lambda: network.backend.estimate(magnitude)),
            2 * MATRIX_SIZE**3 / _seconds(lambda: matrix @ matrix),
        )
        for _ in range(RUNS)
    ]
    network_rate, product_rate = np.median(rates, axis=0)
    share = float(np.median([one / other for one, other in rates]))
    return NetworkRate(float(network_rate), float(product_rate), share)


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.thread_time()
    work()
    return time.thread_time() - started_s


def main() -> int:
    """Print the rates, and return the exit status."""
    if "--json" in sys.argv:
        print(json.dumps(asdict(_measure_here())))
        return 0
    rate = measure()
    print(f"network {rate.network / 1e9:.0f} GFLOP/s, matrix product {rate.product / 1e9:.0f}")
    print(f"share {rate.share:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
