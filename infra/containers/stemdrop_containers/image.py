"""Build the separator's image.

    python -m stemdrop_containers.image [--models "2stems 4stems"] [--backend onnx] [--offline]

With --offline the base image is made on this machine first, from Debian's packages.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from stemdrop_local.template import ROOT

from stemdrop.errors import SetupError, StemdropError
from stemdrop.options import INSTRUMENTS
from stemdrop_containers.engine import Engine, find_engine
from stemdrop_containers.leashed import run_leashed
from stemdrop_containers.offline import BASE_IMAGE, FOLDER, make_base
from stemdrop_separate.models import BackendName

REPOSITORY = "stemdrop"
INTERRUPTED = 130


class ImageError(SetupError):
    """The image can't be built as it is wanted."""

    code = "image"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build an image, and return the exit status."""
    parsed = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        engine = find_engine(is_offline=parsed.offline)
        image = build(
            engine, parsed.models, parsed.backend, parsed.platform, parsed.base, parsed.context
        )
        size_mb = size_bytes(engine, image) / 1e6
    except StemdropError as error:
        print(f"build: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build: interrupted; the next one goes on with what is done.", file=sys.stderr)
        return INTERRUPTED
    print(f"{image} is built: {size_mb:.0f} MB.")
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def build(
    engine: Engine,
    models: str = "2stems",
    backend: str = "onnx",
    processor: str | None = None,
    base: str | None = None,
    context: Path = ROOT,
    tag: str | None = None,
) -> str:
    """Build the image and return its name; the engine's own words go to standard error.

    Parameters
    ----------
    models : names with a space between them.
    processor : amd64 or arm64; this machine's own by default.
    base : what the image begins with, if not Debian's: such as an image pinned by its digest.
    context : the repository, or a copy.
    tag : of the image, the backend's name by default.

    Raises
    ------
    StemdropError : it can't be built.
    """
    _check(models)
    if engine.is_offline:
        provide_base(engine)
    image = f"{REPOSITORY}:{tag or backend}"
    print(f"Building {image} with {engine.name} ...", file=sys.stderr)
    given = {"MODELS": models, "BACKEND": backend} | ({"BASE": base} if base else {})
    arguments = [word for item in given.items() for word in ("--build-arg", "=".join(item))]
    if processor:
        arguments += ["--platform", f"linux/{processor}"]
    _run(engine, [*arguments, "--tag", image, str(context)])
    _forget_old(engine)
    return image


def _check(models: str) -> None:
    unknown = set(models.split()) - INSTRUMENTS.keys()
    if unknown or not models.strip():
        names = ", ".join(INSTRUMENTS)
        raise ImageError(f"MODELS can't be {models!r}: name some of {names}, with spaces between.")


def _run(engine: Engine, arguments: list[str]) -> None:
    """Build; Docker's daemon cleans up after a build that is interrupted, Podman doesn't."""
    if engine.name == "podman":
        arguments = ["--format", "docker", "--layers", *arguments]
    if engine.is_offline:
        before = _steps(engine)
        try:
            command = engine.command("build", *arguments)
            status = run_leashed(command, sys.stderr, engine.environment)
        except BaseException:
            if left := _steps(engine) - before:
                engine.run("rm", "--force", *left)
            raise
    else:
        status = engine.attempt("build", *arguments, stdout=sys.stderr, stderr=None).returncode
    if status != 0:
        raise ImageError(f"{engine.name} can't build it: see above.")


def _steps(engine: Engine) -> set[str]:
    """Return the containers of the steps of all builds; mounts come and go with them."""
    listing = engine.run("ps", "--all", "--external", "--format", "{{.ID}} {{.Names}}").stdout
    found = [line.split() for line in listing.splitlines()]
    return {number for number, name in found if "-working-container" in name}


def _forget_old(engine: Engine) -> None:
    """Remove images that newer ones took the names of, and nothing that isn't ours.

    Those that only serve the next build as a cache have no names either; where all of the storage
    is ours they go when they are a week old.
    """
    for condition in ("label=stemdrop.backend", *(["until=168h"] if engine.is_offline else [])):
        engine.attempt("image", "prune", "--force", "--filter", condition)


def provide_base(engine: Engine, folder: Path = FOLDER) -> None:
    """Make the image that the Dockerfile begins with, if it isn't there."""
    if engine.has_image(BASE_IMAGE):
        return
    print("Making the base image from Debian's packages ...", file=sys.stderr)
    archive = folder / "tmp" / "base.tar"
    make_base(archive)
    engine.run("import", str(archive), BASE_IMAGE)
    archive.unlink()


def size_bytes(engine: Engine, image: str) -> int:
    """Return the size of an image, unpacked."""
    return int(engine.run("image", "inspect", "--format", "{{.Size}}", image).stdout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make build", description="Build the separator's image.")
    parser.add_argument("--models", default="2stems", help='such as "2stems 4stems"')
    parser.add_argument("--backend", default="onnx", choices=list(BackendName))
    parser.add_argument("--offline", action="store_true", help="make the base image here")
    parser.add_argument("--base", help="image to begin with, such as one pinned by its digest")
    parser.add_argument("--context", type=Path, default=ROOT, help="a copy of the repository")
    parser.add_argument("--platform", choices=["amd64", "arm64"], help="other than ours")
    return parser


if __name__ == "__main__":
    sys.exit(main())
