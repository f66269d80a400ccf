"""Write the bill of materials of an image, as CycloneDX.

python -m stemdrop_containers.bom [--image stemdrop:onnx] [--offline] [--out build/bom.json]
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import stemdrop
from stemdrop.errors import StemdropError
from stemdrop_containers import inventory
from stemdrop_containers.engine import ROOT, Engine, EngineError, find_engine

OUT = ROOT / "build" / "bom.json"
NETWORKS = {".onnx", ".pb"}
Inventory = Mapping[str, Sequence[Sequence[str]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bill of an image, and return the exit status."""
    parser = argparse.ArgumentParser(prog="make bom", description="List what is in the image.")
    parser.add_argument("--image", default="stemdrop:onnx")
    parser.add_argument("--offline", action="store_true", help="as of `make build OFFLINE=1`")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    try:
        found = inspect(find_engine(is_offline=given.offline), given.image)
    except StemdropError as error:
        print(f"bom: {error.message}", file=sys.stderr)
        return 1
    bill = make_bill(found, given.image)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(JsonV1Dot6(bill).output_as_string(indent=2))
    print(f"{given.out}: {len(bill.components)} components of {given.image}")
    return 0


def inspect(engine: Engine, image: str) -> Inventory:
    """Ask an image what is in it; it has no network meanwhile.

    Raises
    ------
    StemdropError : There is no such image, or it fails.
    """
    if not engine.has_image(image):
        raise EngineError(f"There is no image {image}: make it with `make build`.")
    source = Path(inventory.__file__).read_text()
    alone = ("--rm", "--network", "none", "--entrypoint", "/usr/bin/python3")
    found: Inventory = json.loads(engine.run("run", *alone, image, "-c", source).stdout)
    return found


def make_bill(found: Inventory, image: str) -> Bom:
    """Return the bill of materials of what an image has."""
    bill = Bom(components=_components(found))
    whole = Component(name=image, version=stemdrop.__version__, type=ComponentType.CONTAINER)
    bill.metadata.component = whole
    bill.register_dependency(whole, bill.components)
    return bill


def _components(found: Inventory) -> Iterator[Component]:
    for name, version in found["debian"]:
        yield Component(name=name, version=version, purl=PackageURL("deb", "debian", name, version))
    for name, version, text in found["python"]:
        licenses = [LicenseExpression(text)] if text else []
        purl = PackageURL("pypi", None, name, version)
        yield Component(name=name, version=version, purl=purl, licenses=licenses)
    for path, digest in found["files"]:
        is_network = Path(path).suffix in NETWORKS
        kind = ComponentType.MACHINE_LEARNING_MODEL if is_network else ComponentType.APPLICATION
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
        yield Component(name=Path(path).name, version=digest[:12], type=kind, hashes=hashes)


if __name__ == "__main__":
    sys.exit(main())
