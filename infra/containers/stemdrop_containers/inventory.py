"""Print what is inside an image as JSON.

`bom` hands this text to the image's own Python, so it takes the standard library alone.
"""

import hashlib
import json
import subprocess
from importlib.metadata import Distribution, distributions
from pathlib import Path

FILES = ("opt/models/*.onnx", "opt/models/*.pb", "opt/local/bin/aws-lambda-rie")
PACKAGES = "opt/*/lib/python3*/site-packages"


def debian() -> list[list[str]]:
    """Return name and version of Debian's packages."""
    form = "${db:Status-Abbrev}\t${Package}\t${Version}\n"
    command = ["/usr/bin/dpkg-query", "--show", "--showformat", form]
    listed = subprocess.check_output(command, text=True).splitlines()
    return [line.split("\t")[1:] for line in listed if line.startswith("ii ")]


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
