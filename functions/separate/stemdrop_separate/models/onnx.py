"""ONNX Runtime, the default backend: ready at once, and the fastest one on a processor."""

import logging
from pathlib import Path

import numpy as np
import onnxruntime

from stemdrop_separate.heap import return_freed_memory
from stemdrop_separate.models.network import Magnitude

PROCESSORS = Path("/proc/cpuinfo")
# Each segment at a time takes 75 MB.
MAX_PARALLEL = 4
# Rounding makes 1e-6 between two forms of a network; a wrong form is wrong everywhere.
LARGEST_DIFFERENCE = 1e-4

logger = logging.getLogger(__name__)


class OnnxBackend:
    """A network; `magnitude` goes in, one output per instrument comes out.

    It has three forms. The blocked ones are for processors whose fast convolutions take blocks of 8
    channels, such as those with AVX2, or of 16, with AVX-512 or on Arm: ONNX Runtime uses their
    files as they are, from the disk cache, which all processes share. On other processors they
    don't load or give wrong estimates. So a blocked form has to give those of the portable form for
    a small input, or the portable form is used.

    Parameters
    ----------
    folder : Folder of the models.
    weights : Name of the network.
    instruments : Names of its outputs.
    threads : Number of processors to use.

    Attributes
    ----------
    form : ``blocked8``, ``blocked16`` or ``portable``.
    """

    def __init__(
        self, folder: Path, weights: str, instruments: tuple[str, ...], threads: int
    ) -> None:
        self.parallel, threads_each = divide_threads(threads)
        self._instruments = instruments
        self.form = f"blocked{_likely_block()}"
        blocked, check = folder / f"{weights}.{self.form}.onnx", folder / f"{weights}.check.npz"
        if not self._load_blocked(blocked, check, threads_each):
            self.form = "portable"
            self._session = _session(folder / f"{weights}.onnx", threads_each)
        return_freed_memory()

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        """Estimate each instrument's magnitudes; see `stemdrop_separate.models.network.Backend`."""
        outputs = self._session.run(list(self._instruments), {"magnitude": magnitude})
        return dict(zip(self._instruments, outputs, strict=True))

    def _load_blocked(self, network: Path, check: Path, threads: int) -> bool:
        """Return whether the blocked form works on this processor."""
        try:
            self._session = _session(network, threads, is_blocked=True)
            with np.load(check) as arrays:
                expected = dict(arrays)
            estimates = self.estimate(expected.pop("magnitude"))
        except Exception:  # ONNX Runtime's errors have no common class
            logger.debug("The blocked network doesn't load here.", exc_info=True)
            return False
        return all(_equal(estimates[name], estimate) for name, estimate in expected.items())


def divide_threads(threads: int) -> tuple[int, int]:
    """Return the number of segments at a time, and of threads for each.

    A segment per thread is the fastest: on two processors it takes 0.96 of the time of two threads
    on one segment, and transforms, masks and encoders run in parallel, too. With more than
    MAX_PARALLEL threads, several share a segment, so that the memory doesn't grow further.
    """
    each = -(-threads // MAX_PARALLEL)
    return -(-threads // each), each


def _likely_block() -> int:
    """Return how many channels a block has for this processor's fast convolutions.

    ONNX Runtime doesn't tell. A network of larger blocks than the processor's gives wrong
    estimates, but one of smaller blocks would write beyond its tensors: so 8 has to be certain.
    """
    extensions = PROCESSORS.read_text().split() if PROCESSORS.is_file() else []
    return 8 if "avx2" in extensions and "avx512f" not in extensions else 16


def _session(path: Path, threads: int, *, is_blocked: bool = False) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    # Threads that wait for work would take processor time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Planned as a whole, the memory of two runs at once peaks at 400 MB instead of 340 MB.
    options.enable_mem_pattern = False
    if is_blocked:  # ONNX Runtime has nothing to rearrange
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _equal(actual: Magnitude, expected: Magnitude) -> bool:
    difference = np.abs(actual - expected).max() / np.abs(expected).max()
    return bool(difference <= LARGEST_DIFFERENCE)  # false for NaN
