"""The images of stemdrop and stock Spleeter."""

import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from stemdrop_containers.engine import ROOT, ContainerEngine, EngineError
from stemdrop_containers.image import REPOSITORY, build

SPLEETER = Path(__file__).parent / "spleeter"
MODEL_IMAGE = f"{REPOSITORY}:model"
CHUNK_BYTES = 1 << 20
SPLEETER_IMAGE = f"{REPOSITORY}-benchmark:spleeter"


@dataclass(frozen=True, slots=True)
class Images:
    """Names of the images in an engine."""

    engine: ContainerEngine
    ours: str
    spleeter: str


def build_images(engine: ContainerEngine) -> Images:
    """Build missing images.

    Raises
    ------
    StemdropError : An image can't be built.
    """
    ours = build(engine)
    engine.build(MODEL_IMAGE, ROOT, "--target=model", "--build-arg=BACKEND=tensorflow")
    images = (f"--build-arg=MODEL={MODEL_IMAGE}", f"--build-arg=OURS={ours}")
    never_pull = ("--pull=never",) if engine.name == "podman" else ()
    engine.build(SPLEETER_IMAGE, SPLEETER, *images, *never_pull)
    return Images(engine, ours, SPLEETER_IMAGE)


def compressed_bytes(engine: ContainerEngine, image: str) -> int:
    """Return the approximate size of an image in a registry, which compresses layers."""
    packer, size_bytes = zlib.compressobj(), 0
    command = [engine.name, "save", image]
    with subprocess.Popen(command, env=engine.environment, stdout=subprocess.PIPE) as process:
        while process.stdout and (chunk := process.stdout.read(CHUNK_BYTES)):
            size_bytes += len(packer.compress(chunk))
    if process.returncode != 0:
        raise EngineError(f"`{engine.name} save` ended with {process.returncode}.")
    return size_bytes + len(packer.flush())
