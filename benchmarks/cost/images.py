"""Both images to compare: ours, and stock Spleeter's."""

import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from stemdrop_containers.engine import Engine, EngineError
from stemdrop_containers.image import REPOSITORY, build
from stemdrop_local.deployment import ROOT

SPLEETER = Path(__file__).parent / "spleeter"
MODEL_IMAGE = f"{REPOSITORY}:model"
CHUNK_BYTES = 1 << 20
SPLEETER_IMAGE = f"{REPOSITORY}-benchmark:spleeter"


@dataclass(frozen=True, slots=True)
class Images:
    """Names of images that an engine has."""

    engine: Engine
    ours: str
    spleeter: str


def build_images(engine: Engine) -> Images:
    """Build what isn't there yet.

    Raises
    ------
    StemdropError : an image can't be built.
    """
    ours = build(engine)
    # The same steps as a moment ago, so nothing is done again.
    _build(engine, MODEL_IMAGE, ROOT, "--target", "model")
    arguments = ("--build-arg", f"MODEL={MODEL_IMAGE}", "--build-arg", f"OURS={ours}")
    _build(engine, SPLEETER_IMAGE, SPLEETER, *arguments)
    return Images(engine, ours, SPLEETER_IMAGE)


def _build(engine: Engine, image: str, context: Path, *options: str) -> None:
    if engine.name == "podman":
        options = (*options, "--format", "docker", "--layers", "--pull=never")
    print(f"Building {image} ...", file=sys.stderr)
    engine.run("build", *options, "--tag", image, str(context), stdout=sys.stderr, stderr=None)


def compressed_bytes(engine: Engine, image: str) -> int:
    """Return about the size that a registry keeps of an image, whose layers it compresses."""
    packer, size_bytes = zlib.compressobj(), 0
    command = engine.command("save", image)
    with subprocess.Popen(command, env=engine.environment, stdout=subprocess.PIPE) as process:
        while process.stdout and (chunk := process.stdout.read(CHUNK_BYTES)):
            size_bytes += len(packer.compress(chunk))
    if process.returncode != 0:
        raise EngineError(f"`{engine.name} save` ended with {process.returncode}.")
    return size_bytes + len(packer.flush())
