"""Print what is inside an image as JSON.

`bom` hands this text to the image's own Python, so it takes the standard library alone.
"""

import hashlib
import json
import subprocess
from importlib.metadata import Distribution, distributions
from pathlib import Path

FIELDS = ("db:Status-Abbrev", "Package", "Version", "Architecture")
INSTALLED = "ii "
FILES = ("opt/models/*.onnx", "opt/models/*.pb", "opt/local/bin/aws-lambda-rie")
PACKAGES = "opt/*/lib/python3*/site-packages"


def debian() -> list[list[str]]:
    """Return name, version and architecture of Debian's packages."""
    form = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"
    command = ["/usr/bin/dpkg-query", "--show", "--showformat", form]
    listed = subprocess.check_output(command, text=True).splitlines()
    return [
        fields[1:] for fields in (line.split("\t") for line in listed) if fields[0] == INSTALLED
    ]


def python(root: Path) -> list[tuple[str, str, str]]:
    """Return name, version and license of the packages in all environments of Python's."""
    found = distributions(path=[str(folder) for folder in root.glob(PACKAGES)])
    return sorted({(one.name, one.version, _license(one)) for one in found})


def _license(package: Distribution) -> str:
    return "".join(package.metadata.get_all("License-Expression") or ())


def files(root: Path) -> list[list[str]]:
    """Return path and SHA-256 of networks and programs that are in no package."""
    patterns = (*FILES, f"{PACKAGES}/imageio_ffmpeg/binaries/ffmpeg-*")
    paths = sorted(path for pattern in patterns for path in root.glob(pattern))
    return [[str(path), hashlib.sha256(path.read_bytes()).hexdigest()] for path in paths]


if __name__ == "__main__":
    root = Path("/")
    print(json.dumps({"debian": debian(), "python": python(root), "files": files(root)}))
