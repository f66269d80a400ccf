"""Files that are removed from the image's packages."""

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "infra/containers/prune.sh"
STAYS = [
    "av/__init__.py",
    "botocore/data/endpoints.json",
    "botocore/data/s3/2006-03-01/service-2.json.gz",
    "botocore/data/transcribe/2017-10-26/service-2.json.gz",
    "numpy/core/__init__.py",
    "scipy/__init__.py",
    "scipy/fft/_pocketfft/pypocketfft.so",
    "thing/tests.py",
    "tools/attest/__init__.py",
]
GOES = [
    "av/codec/codec.so",
    "av.libs/libx265.so",
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "numpy/core/include/numpy.h",
    "numpy/core/tests/test_numeric.py",
    "pip/__init__.py",
    "pip-23.0.1.dist-info/RECORD",
    "pkg_resources/__init__.py",
    "scipy.libs/libgfortran.so",
    "scipy/_lib/__init__.py",
    "scipy/fft/_uarray/__init__.py",
    "scipy/stats/__init__.py",
    "setuptools-1.0.dist-info/RECORD",
    "thing/__init__.pyi",
]


def test_unused_files_are_removed(tmp_path: Path) -> None:
    for name in (*STAYS, *GOES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    subprocess.run(["sh", PROGRAM, tmp_path], check=True)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(STAYS)


def test_pruning_keeps_the_imports_of_tensorflow(tmp_path: Path) -> None:
    for name in ("tensorflow", "setuptools", "_distutils_hack", "pip"):
        (tmp_path / name).mkdir()
    subprocess.run(["sh", PROGRAM, tmp_path], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("tensorflow", "setuptools", "_distutils_hack"),
    }
