"""Write the bill of materials of an image, as CycloneDX: what is in it, down to the weights.

    python -m stemdrop_containers.bom [--image stemdrop:onnx] [--offline] [--out build/bom.json]

It is made of what the image has, not of what it should have, and the same image has the same bill.
A package of Python's that no lock file has is an error: nobody audits it.
"""

import argparse
import json
import re
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import stemdrop
from stemdrop.errors import SetupError, StemdropError
from stemdrop_containers import inventory
from stemdrop_containers.engine import Engine, find_engine
from stemdrop_local.template import ROOT

Component = dict[str, Any]
Inventory = Mapping[str, Any]
OUT = ROOT / "build" / "bom.json"
LOCKS = (
    ROOT / "functions" / "separate" / "requirements.txt",
    ROOT / "functions" / "separate" / "model" / "requirements.txt",
    ROOT / "infra" / "local" / "image.txt",
)
PYTHON = "/opt/venv/bin/python"
PLACES = ("/opt/models", "/etc/os-release")
SPEC_VERSION = "1.6"
NAMESPACE = uuid.UUID("5ad0e7f6-0d53-5e58-9a0c-7b8c2a7b3f11")
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
# Deezer's, as functions/separate/model/weights.toml says.
LICENCE_OF_WEIGHTS = "MIT"


def look(engine: Engine, image: str) -> Inventory:
    """Ask an image what is in it; it has no network meanwhile.

    Raises
    ------
    StemdropError : there is no such image, or it can't tell.
    """
    if not engine.has_image(image):
        raise SetupError(f"There is no image {image}: make it with `make build`.")
    alone = ("--rm", "--network", "none", "--entrypoint", PYTHON)
    source = Path(inventory.__file__).read_text()
    run = engine.run("run", *alone, image, "-c", source, *PLACES)
    found: Inventory = json.loads(run.stdout)
    return found


def bill(found: Inventory, image: str, digest: str) -> dict[str, Any]:
    """Return the bill of materials.

    Parameters
    ----------
    found : what `look` has found.
    image, digest : the name and the SHA-256 of the image, in hex.
    """
    parts = [*_debian(found), *_python(found), *_ffmpeg(found), *_models(found)]
    parts = sorted({part["bom-ref"]: part for part in parts}.values(), key=lambda p: p["bom-ref"])
    whole = {
        "type": "container",
        "bom-ref": image,
        "name": image,
        "version": stemdrop.__version__,
        "hashes": _sha256(digest),
        "licenses": [{"license": {"id": "MIT"}}],
    }
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digest)}",
        "version": 1,
        "metadata": {"component": whole},
        "components": parts,
        "dependencies": [{"ref": image, "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def unlocked(found: Inventory, locks: Iterable[Path]) -> list[str]:
    """Return the packages of Python's that are in no lock file, or there in another version."""
    text = "\n".join(path.read_text() for path in locks)
    locked = {(_plain(name), version) for name, version in LOCKED.findall(text)}
    return [
        f"{entry['name']} {entry['version']}"
        for entry in found["python"]
        if (_plain(entry["name"]), entry["version"]) not in locked
    ]


def _plain(name: str) -> str:
    """Return the name of a package as registries write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _debian(found: Inventory) -> Iterable[Component]:
    system = found["system"]
    for entry in found["debian"]:
        where = f"arch={entry['Architecture']}&distro={system['id']}-{system['version']}"
        purl = _purl(f"deb/{system['id']}", entry["Package"], entry["Version"], where)
        source = f"{entry['source:Package']} {entry['source:Version']}"
        yield _library(entry["Package"], entry["Version"], purl) | _properties(source=source)


def _python(found: Inventory) -> Iterable[Component]:
    for entry in found["python"]:
        purl = _purl("pypi", _plain(entry["name"]), entry["version"])
        yield _library(entry["name"], entry["version"], purl) | _licence(entry["licence"])


def _ffmpeg(found: Inventory) -> Iterable[Component]:
    for entry in found["ffmpeg"]:
        options = entry["configuration"].split()
        version = "3.0" if "--enable-version3" in options else "2.1"
        kind = "GPL" if "--enable-gpl" in options else "LGPL"
        yield {
            "type": "application",
            **_file(entry, Path(entry["path"]).name, entry["version"]),
            "licenses": [{"license": {"id": f"{kind}-{version}-or-later"}}],
            **_properties(path=entry["path"], configuration=entry["configuration"]),
        }


def _models(found: Inventory) -> Iterable[Component]:
    for entry in found["models"]:
        path = Path(entry["path"])
        weights = found["cards"][path.stem]
        named = {f"weights:{name}": digest for name, digest in weights.items()}
        yield {
            "type": "machine-learning-model",
            **_file(entry, path.name, entry["sha256"][:12]),
            "licenses": [{"license": {"id": LICENCE_OF_WEIGHTS}}],
            **_properties(path=entry["path"], **named),
        }


def _library(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _file(entry: Mapping[str, Any], name: str, version: str) -> Component:
    digest = entry["sha256"]
    return {
        "bom-ref": f"{name}@sha256:{digest}",
        "name": name,
        "version": version,
        "hashes": _sha256(digest),
    }


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _licence(text: str) -> Component:
    return {"licenses": [{"license": {"name": text}}]} if text else {}


def _properties(**values: str) -> Component:
    named = [{"name": f"stemdrop:{name}", "value": value} for name, value in values.items()]
    return {"properties": named}


def _purl(kind: str, name: str, version: str, qualifiers: str = "") -> str:
    """Return a package URL. Source: the purl specification, version and qualifiers."""
    address = f"pkg:{kind}/{quote(name, safe='.-_~')}@{quote(version, safe='.-_~:')}"
    return f"{address}?{qualifiers}" if qualifiers else address


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bill of an image; return how the program ends."""
    parser = argparse.ArgumentParser(prog="make bom", description="Tell what is in the image.")
    parser.add_argument("--image", default="stemdrop:onnx")
    parser.add_argument("--offline", action="store_true", help="of `make build OFFLINE=1`")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    try:
        engine = find_engine(is_offline=given.offline)
        found = look(engine, given.image)
        inspected = engine.run("image", "inspect", "--format", "{{.Id}}", given.image)
    except StemdropError as error:
        print(f"bom: {error.message}", file=sys.stderr)
        return 1
    document = bill(found, given.image, inspected.stdout.strip().removeprefix("sha256:"))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    print(f"{given.out}: {len(document['components'])} components of {given.image}")
    strangers = unlocked(found, LOCKS)
    if strangers:
        print(f"bom: not locked, but in {given.image}: {', '.join(strangers)}.", file=sys.stderr)
    return 1 if strangers else 0


if __name__ == "__main__":
    sys.exit(main())
