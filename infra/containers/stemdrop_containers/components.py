"""A bill of materials of an image, in the form of CycloneDX."""

import re
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import stemdrop

Component = dict[str, Any]
Inventory = Mapping[str, Any]
SPEC_VERSION = "1.6"
NAMESPACE = uuid.UUID("5ad0e7f6-0d53-5e58-9a0c-7b8c2a7b3f11")
# Deezer's, as functions/separate/model/weights.toml says.
LICENCE_OF_WEIGHTS = "MIT"
# AWS's, as its repository says.
LICENCE_OF_EMULATOR = "Apache-2.0"


def bill(found: Inventory, image: str, digest: str) -> dict[str, Any]:
    """Return the bill of materials.

    Parameters
    ----------
    found : what `inventory` has told.
    image, digest : the name and the SHA-256 of the image, in hex.
    """
    programs = [*_ffmpeg(found), *_emulator(found)]
    parts = [*_debian(found), *_python(found), *programs, *_models(found)]
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


def plain(name: str) -> str:
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
        purl = _purl("pypi", plain(entry["name"]), entry["version"])
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


def _emulator(found: Inventory) -> Iterable[Component]:
    for entry in found["emulator"]:
        yield {
            "type": "application",
            **_file(entry, Path(entry["path"]).name, entry["sha256"][:12]),
            "licenses": [{"license": {"id": LICENCE_OF_EMULATOR}}],
            **_properties(path=entry["path"]),
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
