"""The number of processors depends on the memory size."""

import pytest

from benchmarks.lambda_limits import LambdaLimits


@pytest.mark.parametrize(
    ("memory_mb", "cores", "share", "chosen"),
    [
        (1769, 2, 1.0, None),
        (3008, 2, 1.7, None),
        (10240, 2, 2.0, None),
        (1769, 8, 1.0, 2),
        (5307, 8, 3.0, 3),
        (10240, 64, 5.789, 6),
        (10240, 1, 1.0, None),
    ],
)
def test_processors_come_with_memory(
    memory_mb: int, cores: int, share: float, chosen: int | None
) -> None:
    words = LambdaLimits(memory_mb).options(range(cores))
    named = dict(word.split("=", 1) for word in words if not word.startswith("--ulimit"))
    assert float(named["--cpus"]) == share
    assert named["--memory"] == named["--memory-swap"] == f"{memory_mb}m"
    assert len(named.get("--cpuset-cpus", "").split(",")) == (chosen or 1)
    assert ("--cpuset-cpus" in named) == (chosen is not None)
