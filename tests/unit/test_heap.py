"""The heap keeps freed memory, so that arrays of the same sizes cost nothing anymore."""

import subprocess
import sys

# The arrays of several segments, and how often the kernel had to give a page.
ALLOCATE = """
import resource
import numpy as np
from stemdrop_separate.heap import keep_freed_memory, return_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def allocate():
    return [np.ones(2 << 20, np.float32) for _ in range(6)]

PREPARE
allocate()
before = faults()
for _ in range(5):
    allocate()
kept = faults() - before
return_freed_memory()
before = faults()
allocate()
print(kept, faults() - before)
"""
# A fault may give several pages.
PAGES = 6 * (8 << 20) // 4096


def page_faults(prepare: str) -> list[int]:
    """Return the faults of five allocations, and of one after the memory is returned."""
    command = [sys.executable, "-c", ALLOCATE.replace("PREPARE", prepare)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [int(number) for number in printed.stdout.split()]


def test_freed_memory_is_kept_until_it_is_returned() -> None:
    kept, returned = page_faults("keep_freed_memory()")
    assert kept < 0.01 * PAGES
    assert returned > 0.1 * PAGES


def test_freed_memory_is_not_kept_otherwise() -> None:
    kept, _ = page_faults("")
    assert kept > 0.1 * PAGES
