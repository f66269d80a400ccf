"""Fetch and build Spleeter's models: ``python -m stemdrop_model build 2stems``."""

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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit status: 1 if a model could not be made."""
    options = _parser().parse_args(arguments)
    command: Callable[[Weights, argparse.Namespace], str] = options.run
    status = 0
    for model in options.models:
        try:
            print(f"{model}: {command(pinned(model, options.weights), options)}", flush=True)
        except (ModelError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
            status = 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stemdrop_model", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="build|fetch")
    for name, run, text in (
        ("build", _build, "fetch and convert, unless it is done"),
        ("fetch", _fetch, "fetch and verify the weights only"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("models", nargs="+", metavar="MODEL", help="2stems, 4stems or 5stems")
        command.add_argument("--weights", type=Path, default=PINNED, help="another weights.toml")
        command.add_argument(
            "--cache", type=Path, default=Path("build/weights"), help="folder of weights"
        )
        command.add_argument(
            "--into", type=Path, default=Path("build/models"), help="folder of models"
        )
    commands.choices["build"].add_argument(
        "--backend",
        choices=("onnx", "tensorflow"),
        default="onnx",
        help="tensorflow: freeze Spleeter's own graph as well, and compare; needs TensorFlow",
    )
    return parser


def _fetch(weights: Weights, options: argparse.Namespace) -> str:
    return f"weights verified, in {fetch(weights, options.cache)}"


def _build(weights: Weights, options: argparse.Namespace) -> str:
    start = time.monotonic()
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
    print(f"{model}: {_fetch(weights, options)}; building", flush=True)
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
