"""Write the bill of materials of an image, as CycloneDX: what is in it, down to the weights.

    python -m stemdrop_containers.bom [--image stemdrop:onnx] [--offline] [--out build/bom.json]

It is made of what the image has, not of what it should have, and the same image has the same bill.
A package of Python's that no lock file has is an error: nobody audits it.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from stemdrop_local.template import ROOT

from stemdrop.errors import SetupError, StemdropError
from stemdrop_containers import inventory
from stemdrop_containers.components import Inventory, bill, plain
from stemdrop_containers.engine import Engine, find_engine

OUT = ROOT / "build" / "bom.json"
LOCKS = (
    ROOT / "functions" / "separate" / "requirements.txt",
    ROOT / "functions" / "separate" / "model" / "requirements.txt",
    ROOT / "infra" / "local" / "image.txt",
)
PYTHON = "/opt/venv/bin/python"
PLACES = ("/opt/models", "/etc/os-release")
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


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


def unlocked(found: Inventory, locks: Iterable[Path]) -> list[str]:
    """Return the packages of Python's that are in no lock file, or there in another version."""
    text = "\n".join(path.read_text() for path in locks)
    locked = {(plain(name), version) for name, version in LOCKED.findall(text)}
    return [
        f"{entry['name']} {entry['version']}"
        for entry in found["python"]
        if (plain(entry["name"]), entry["version"]) not in locked
    ]


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
