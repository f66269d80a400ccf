"""Remove from a folder of packages what neither function nor embedded stack ever loads.

    python prune.py SITE...

Runs while the image is built, with Python's own modules alone. What is missed afterwards shows in
the smoke test that ends the build.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# Services whose clients are made; X-Ray's is made by its SDK. The files beside them are for all.
AWS_SERVICES = {"s3", "sns", "sqs", "sts", "xray"}
# scipy loads a part when it is asked for; only its Fourier transforms are, and they need these.
SCIPY_PARTS = {"_lib", "fft", "special"}
# TensorFlow 2.15 imports distutils, which is one of setuptools' parts by now.
SETUPTOOLS = (
    *("setuptools", "setuptools-*", "pkg_resources"),
    *("_distutils_hack", "distutils-precedence.pth"),
)
LISTED = (
    "pip",
    "pip-*",
    "numpy/distutils",
    "numpy/f2py",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
# Type stubs and sources of compiled modules.
SUFFIXES = {".pyi", ".pyx", ".pxd", ".c", ".h", ".lib", ".a"}


def main(arguments: list[str]) -> int:
    """Prune each of the folders, and say what that saved."""
    for name in arguments:
        site = Path(name)
        before = _size_bytes(site)
        for path in superfluous(site):
            _remove(path)
        print(f"{site}: {before / 1e6:.0f} MB, of which {_size_bytes(site) / 1e6:.0f} MB stay")
    return 0


def superfluous(site: Path) -> Iterator[Path]:
    """Yield what can go; a folder stands for all that is in it."""
    needs_distutils = (site / "tensorflow").is_dir()
    for pattern in LISTED if needs_distutils else (*LISTED, *SETUPTOOLS):
        yield from site.glob(pattern)
    yield from _others(site / "botocore/data", AWS_SERVICES)
    yield from _others(site / "scipy", SCIPY_PARTS)
    for path in sorted(site.rglob("*")):
        is_folder = path.is_dir()
        if (is_folder and path.name == "tests") or (not is_folder and path.suffix in SUFFIXES):
            yield path


def _others(folder: Path, kept: set[str]) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_dir() and path.name not in kept)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
