"""Install models: ``python -m stemdrop_model build 2stems``, or ``lyrics tiny.en``."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stemdrop_model.errors import ModelError, ProofError
from stemdrop_model.fetch import fetch
from stemdrop_model.install import install
from stemdrop_model.manifest import is_current, network_size_bytes
from stemdrop_model.weights import PINNED, Weights, pinned
from stemdrop_model.whisper import OWN_WHISPER, install_whisper

SPLEETER = "2stems, 4stems or 5stems"
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit status.

    It is 1 if a model could not be made, and 130 after an interruption.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[str, argparse.Namespace], str] = options.run
    status = 0
    for model in options.models:
        try:
            print(f"{model}: {command(model, options)}", flush=True)
        except (ModelError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
            status = 1
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr, flush=True)
            return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stemdrop_model", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="build|fetch|lyrics")
    for name, run, kinds, text in (
        ("build", _build, SPLEETER, "fetch and convert, unless it is done"),
        ("fetch", _fetch, SPLEETER, "fetch and verify the weights only"),
        ("lyrics", _install_whisper, "tiny.en, or your own", "fetch and verify a Whisper model"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("models", nargs="+", metavar="MODEL", help=kinds)
        folders = [("--into", "build/models", "folder of models")]
        if run is _install_whisper:
            folders.append(("--own", str(OWN_WHISPER), "folder of your own Whisper models"))
        else:
            folders.append(("--cache", "build/weights", "folder of weights"))
            command.add_argument(
                "--weights", type=Path, default=PINNED, help="another weights.toml"
            )
        for flag, default, what in folders:
            command.add_argument(flag, type=Path, default=Path(default), help=what)
    commands.choices["build"].add_argument(
        "--backend",
        choices=("onnx", "tensorflow"),
        default="onnx",
        help="tensorflow: freeze Spleeter's own graph as well, and compare; needs TensorFlow",
    )
    return parser


def _install_whisper(model: str, options: argparse.Namespace) -> str:
    return f"installed in {install_whisper(model, options.into, options.own)}"


def _fetch(model: str, options: argparse.Namespace) -> str:
    return _fetched(pinned(model, options.weights), options)


def _fetched(weights: Weights, options: argparse.Namespace) -> str:
    return f"weights verified, in {fetch(weights, options.cache)}"


def _build(model: str, options: argparse.Namespace) -> str:
    weights, start = pinned(model, options.weights), time.monotonic()
    if options.backend == "tensorflow":
        return _prove(weights, options, start)
    if not install(weights, options.into):
        return f"there already, in {options.into}"
    compared = "as" if weights.network else "not yet"
    return f"{_built(weights, options, start)}, {compared} compared with Spleeter's"


def _prove(weights: Weights, options: argparse.Namespace, start: float) -> str:
    if is_current(weights, options.into, frozen=True):
        return f"there already, in {options.into}"
    model = weights.model
    print(f"{model}: {_fetched(weights, options)}; building", flush=True)
    _prepare_tensorflow(model)
    from stemdrop_model.build import build

    record = build(model, options.cache / model, options.into, frozen=True)
    built = (
        f"{_built(weights, options, start)}, within {record['max_relative_difference']:.0e}"
        " of Spleeter's largest value"
    )
    sha256 = record["network"]
    return built if sha256 == weights.network else f'{built}; pin it: network = "{sha256}"'


def _built(weights: Weights, options: argparse.Namespace, start: float) -> str:
    size_mb = network_size_bytes(weights, options.into) / 1e6
    return f"built in {options.into} in {time.monotonic() - start:.0f} s: {size_mb:.0f} MB"


def _prepare_tensorflow(model: str) -> None:
    """Keep TensorFlow, which tells more than anybody asked, quiet.

    Raises
    ------
    ProofError : It isn't installed.
    """
    os.putenv("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        import spleeter.model  # noqa: F401
    except ImportError as error:
        raise ProofError(
            f"{model}: the backend tensorflow needs TensorFlow and Spleeter, of"
            f" functions/separate/stemdrop_model/tensorflow.txt: {error}."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
