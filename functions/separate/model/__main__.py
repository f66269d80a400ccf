"""Fetch the weights of Spleeter's models, and export them: ``python -m model build 2stems``."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.errors import ModelError
from model.fetch import fetch
from model.manifest import is_current
from model.weights import PINNED, Weights, pinned


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
    parser = argparse.ArgumentParser(prog="python -m model", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="build|fetch")
    for name, run, text in (
        ("build", _build, "fetch, convert and compare, unless it is done"),
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
    return parser


def _fetch(weights: Weights, options: argparse.Namespace) -> str:
    return f"weights verified, in {fetch(weights, options.cache)}"


def _build(weights: Weights, options: argparse.Namespace) -> str:
    if is_current(weights.model, options.into, weights.files):
        return f"there already, in {options.into}"
    start = time.monotonic()
    print(f"{weights.model}: {_fetch(weights, options)}; exporting", flush=True)
    record = _exported(weights, options)
    size_mb = record["files"][f"{weights.model}.onnx"]["size_bytes"] / 1e6
    difference = record["max_relative_difference"]
    return (
        f"exported to {options.into} in {time.monotonic() - start:.0f} s: {size_mb:.0f} MB, "
        f"within {difference:.0e} of TensorFlow's largest value"
    )


def _exported(weights: Weights, options: argparse.Namespace) -> dict[str, Any]:
    """Export with TensorFlow, which takes seconds to import and tells more than anybody asked."""
    os.putenv("TF_CPP_MIN_LOG_LEVEL", "3")
    for chatty in ("tensorflow", "tf2onnx"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    from model.export import export

    return export(weights.model, options.cache / weights.model, options.into)


if __name__ == "__main__":
    sys.exit(main())
