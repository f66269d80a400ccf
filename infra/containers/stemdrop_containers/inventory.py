"""What is inside an image, told by its own Python, as JSON on standard output.

The text of this module is handed to that Python, which has nothing of ours but what the image has:
it takes the standard library alone, and folders as arguments.
"""

import hashlib
import json
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

# Where Debian has it; a container may have no PATH.
DPKG_QUERY = "/usr/bin/dpkg-query"
INSTALLED = "ii "
STACK = Path("/opt/local")
FIELDS = (
    "db:Status-Abbrev",
    "Package",
    "Version",
    "Architecture",
    "source:Package",
    "source:Version",
)


def debian() -> list[dict[str, str]]:
    """Return Debian's packages, but for those that were removed."""
    form = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"
    listed = subprocess.check_output([DPKG_QUERY, "--show", "--showformat", form], text=True)
    entries = [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in listed.splitlines()]
    return [entry for entry in entries if entry["db:Status-Abbrev"] == INSTALLED]


def python() -> list[dict[str, str]]:
    """Return the packages of the Python that runs this, and of the embedded stack's if it is there.

    Nobody but that stack sees its environment.
    """
    own = sysconfig.get_path("purelib")
    others = map(str, STACK.glob("lib/python3*/site-packages"))
    return [
        {"name": found.name, "version": found.version, "licence": licence(found)}
        for found in distributions(path=[own, *others])
    ]


def licence(package: Distribution) -> str:
    """Return what a package says of its licence: an expression, a name, or a class of names."""
    fields = package.metadata
    for name in ("License-Expression", "License"):
        text = "".join(fields.get_all(name) or ()).strip()
        if text and "\n" not in text and text != "UNKNOWN":
            return text
    classes = [text for text in fields.get_all("Classifier") or () if text.startswith("License ::")]
    return "; ".join(text.rpartition(" :: ")[2] for text in classes)


def files(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """Return the files of a folder, with their hashes."""
    return [
        {"path": str(path), "sha256": sha256(path), "size_bytes": path.stat().st_size}
        for path in sorted(folder.glob(pattern))
    ]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ffmpeg(path: Path) -> dict[str, Any]:
    """Return the version of an ffmpeg, and how it was built."""
    said = subprocess.check_output([path, "-version"], text=True)
    version = re.match(r"ffmpeg version (\S+)", said)
    built = re.search(r"^configuration: (.*)$", said, re.MULTILINE)
    return {
        "version": version[1] if version else "",
        "configuration": built[1] if built else "",
        **files(path.parent, path.name)[0],
    }


def inventory(models: Path, release: Path) -> dict[str, Any]:
    """Return all of it.

    Parameters
    ----------
    models : the folder of the networks.
    release : the file that names the system.
    """
    lines = (line.partition("=") for line in release.read_text().splitlines())
    system = {name: value.strip('"') for name, _, value in lines}
    packages = Path(sysconfig.get_path("purelib"))
    cards = (json.loads(path.read_text()) for path in sorted(models.glob("*.json")))
    return {
        "system": {"id": system["ID"], "version": system["VERSION_ID"]},
        "python_version": sys.version.split()[0],
        "debian": debian(),
        "python": python(),
        "ffmpeg": [ffmpeg(path) for path in packages.glob("imageio_ffmpeg/binaries/ffmpeg-*")],
        "emulator": files(STACK / "bin", "aws-lambda-rie"),
        "models": [*files(models, "*.onnx"), *files(models, "*.pb")],
        "cards": {card["model"]: card["source"]["files"] for card in cards},
    }


if __name__ == "__main__":
    json.dump(inventory(*map(Path, sys.argv[1:3])), sys.stdout)
