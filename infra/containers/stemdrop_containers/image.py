"""Build an image: the separator for Lambda, or all of stemdrop on one machine.

    python -m stemdrop_containers.image [--target local] [--models "2stems 4stems"] [--offline]

With --offline, the base image is first built on this machine from Debian's packages.
"""

import argparse
import sys
from collections.abc import Sequence
from enum import StrEnum

import stemdrop
from stemdrop.errors import SetupError, StemdropError
from stemdrop.models import INSTRUMENTS
from stemdrop_containers.engine import ROOT, ContainerEngine, find_engine
from stemdrop_separate.models.catalog import BackendName

REPOSITORY = "stemdrop"
RELEASE = "bookworm"
BASE_IMAGE = f"docker.io/library/debian:{RELEASE}-slim"
INTERRUPTED = 130


class Target(StrEnum):
    """A stage of the Dockerfile that is an image."""

    FUNCTION = "function"
    LOCAL = "local"


class ImageError(SetupError):
    """The image can't be built with these models."""

    code = "image"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build an image, and return the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        engine = find_engine(is_offline=parsed.offline)
        image = build(
            engine,
            Target(parsed.target),
            parsed.models,
            parsed.backend,
            parsed.lyrics,
            parsed.base,
        )
        size_mb = size_bytes(engine, image) / 1e6
    except StemdropError as error:
        print(f"build: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    print(f"{image} is built: {size_mb:.0f} MB.")
    return 0


def build(
    engine: ContainerEngine,
    target: Target = Target.FUNCTION,
    models: str = "2stems",
    backend: str = "onnx",
    lyrics: str = "none",
    base: str | None = None,
) -> str:
    """Build an image and return its name.

    Parameters
    ----------
    target : Image to build.
    models : Names separated by spaces.
    lyrics : ``none``, ``transcribe``, or the name of a Whisper model.
    base : Base image in place of Debian's, such as one pinned by its digest.

    Raises
    ------
    StemdropError : It can't be built.
    """
    unknown = set(models.split()) - INSTRUMENTS.keys()
    if unknown or not models.strip():
        names = ", ".join(INSTRUMENTS)
        raise ImageError(f"MODELS can't be {models!r}: name some of {names}, with spaces between.")
    if engine.is_offline:
        engine.ensure_base(BASE_IMAGE, RELEASE)
    image = f"{REPOSITORY}:{backend}" + ("-local" if target is Target.LOCAL else "")
    print(f"Building {image} with {engine.name} ...", file=sys.stderr)
    given = {"MODELS": models, "BACKEND": backend, "LYRICS": lyrics}
    given |= {"BASE": base} if base else {}
    arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
    label = f"--label=org.opencontainers.image.version={stemdrop.__version__}"
    engine.build(image, ROOT, f"--target={target}", *arguments, label)
    # Remove the image that had this name before.
    engine.try_run("image", "prune", "--force", "--filter", "label=stemdrop.backend")
    return image


def size_bytes(engine: ContainerEngine, image: str) -> int:
    """Return the size of an image, unpacked."""
    return int(engine.run("image", "inspect", "--format", "{{.Size}}", image).stdout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make build", description="Build an image.")
    parser.add_argument(
        "--target",
        default=Target.FUNCTION.value,
        choices=[target.value for target in Target],
        help="function for Lambda, or local for all of stemdrop on one machine",
    )
    parser.add_argument("--models", default="2stems", help='models, such as "2stems 4stems"')
    parser.add_argument(
        "--backend", default="onnx", choices=[backend.value for backend in BackendName]
    )
    parser.add_argument("--lyrics", default="none", help="none, transcribe or a Whisper model")
    parser.add_argument("--offline", action="store_true", help="build the base image here")
    parser.add_argument("--base", help="base image, such as one pinned by its digest")
    return parser


if __name__ == "__main__":
    sys.exit(main())
