"""The bill of materials: of this machine's own packages and models, in place of an image's."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from stemdrop_containers import bom
from stemdrop_containers.components import bill
from stemdrop_containers.engine import Engine
from stemdrop_local.deployment import ROOT

DIGEST = "0" * 64
IMAGE = "stemdrop:onnx"
PLACES = [str(ROOT / "build" / "models"), "/etc/os-release"]


@dataclass(frozen=True, slots=True)
class Machine(Engine):
    """An engine whose only image is this machine."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    def attempt(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run what would run in the image."""
        self.asked.append(arguments)
        if arguments[:2] == ("image", "inspect"):
            is_there = arguments[-1] == IMAGE
            return subprocess.CompletedProcess(arguments, not is_there, f"sha256:{DIGEST}\n", "")
        source = arguments[arguments.index("-c") + 1]
        command = [sys.executable, "-I", "-c", source, *PLACES]
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)


Write = Callable[..., int]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Return a lock file with all packages of this machine."""
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{found.name}=={found.version} \\\n" for found in distributions()))
    return path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, lock: Path) -> Machine:
    machine = Machine("docker")
    monkeypatch.setattr(bom, "find_engine", lambda **_: machine)
    monkeypatch.setattr(bom, "LOCKS", [lock])
    return machine


@pytest.fixture
def document(machine: Machine, tmp_path: Path) -> dict[str, Any]:
    """Return the bill."""
    assert bom.main(["--out", str(tmp_path / "build" / "bom.json")]) == 0
    assert machine.asked[1][2:4] == ("--network", "none")
    written: dict[str, Any] = json.loads((tmp_path / "build" / "bom.json").read_text())
    return written


def part(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (part for part in document["components"] if part["name"] == name)
    return dict(found)


def test_it_is_valid(document: dict[str, Any]) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(document)) is None
    broken = {**document, "components": [{"type": "song", "name": "x"}]}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_every_kind_of_thing_is_in_it(document: dict[str, Any]) -> None:
    types = [part["type"] for part in document["components"]]
    assert set(types) == {"library", "application", "machine-learning-model"}
    purls = [part["purl"] for part in document["components"] if part["type"] == "library"]
    listed = subprocess.check_output(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\n"], text=True)
    assert sum(purl.startswith("pkg:deb/") for purl in purls) == listed.split().count("ii")
    references = [part["bom-ref"] for part in document["components"]]
    assert len(set(references)) == len(references)
    assert document["dependencies"] == [{"ref": IMAGE, "dependsOn": sorted(references)}]


def test_packages_have_their_versions_and_licences(document: dict[str, Any]) -> None:
    numpy = part(document, "numpy")
    assert numpy["version"] == version("numpy")
    assert numpy["purl"] == f"pkg:pypi/numpy@{version('numpy')}"
    assert part(document, "typing_extensions")["purl"].startswith("pkg:pypi/typing-extensions@")
    boto3 = part(document, "boto3")
    assert boto3["licenses"] == [{"license": {"name": "Apache-2.0"}}]


def test_names_and_versions_survive_a_package_url(document: dict[str, Any]) -> None:
    libraries = [part for part in document["components"] if part["type"] == "library"]
    for library in libraries:
        purl = PackageURL.from_string(library["purl"])
        assert purl.version == library["version"]
        assert purl.to_string() == library["purl"]
        assert purl.name == library["name"].lower().replace("_", "-").replace(".", "-") or (
            purl.type == "deb" and purl.name == library["name"]
        )
    assert [library for library in libraries if "+" in library["version"]]


def test_ffmpeg_and_networks_have_their_hashes(document: dict[str, Any]) -> None:
    ffmpeg = next(part for part in document["components"] if part["type"] == "application")
    network = part(document, "2stems.onnx")
    assert ffmpeg["licenses"] == [{"license": {"id": "GPL-3.0-or-later"}}]
    for found in (ffmpeg, network):
        properties = {entry["name"]: entry["value"] for entry in found["properties"]}
        digest = sha256(Path(properties["stemdrop:path"]).read_bytes()).hexdigest()
        assert found["hashes"] == [{"alg": "SHA-256", "content": digest}]
    pinned = (ROOT / "functions" / "separate" / "model" / "weights.toml").read_text()
    weights = [entry["value"] for entry in network["properties"] if "weights:" in entry["name"]]
    assert len(weights) == 2
    assert all(digest in pinned for digest in weights)


def test_the_same_image_has_the_same_bill(document: dict[str, Any], machine: Machine) -> None:
    again = bill(bom.look(machine, IMAGE), IMAGE, DIGEST)
    assert again == document
    other = bill(bom.look(machine, IMAGE), IMAGE, "1" * 64)
    assert other["serialNumber"] != document["serialNumber"]


@pytest.mark.parametrize("other", ["", "numpy==0.1 \\\n"])
def test_a_package_that_nobody_locked_is_an_error(
    machine: Machine, lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    locked = f"numpy=={version('numpy')} \\\n"
    lock.write_text(lock.read_text().replace(locked, other))
    assert bom.main(["--out", str(tmp_path / "bom.json")]) == 1
    told = f"bom: not locked, but in {IMAGE}: numpy {version('numpy')}.\n"
    assert capsys.readouterr().err == told
    assert (tmp_path / "bom.json").exists()
    assert machine.asked


def test_an_image_that_is_not_there_is_told(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bom.main(["--image", "stemdrop:none", "--out", str(tmp_path / "bom.json")]) == 1
    assert machine.asked == [("image", "inspect", "stemdrop:none")]
    told = "bom: There is no image stemdrop:none: make it with `make build`.\n"
    assert capsys.readouterr().err == told
