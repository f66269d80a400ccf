"""`stemdrop models`: list, fetch and remove the models of stems and of lyrics."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stemdrop.errors import ModelUnavailableError, OptionError
from stemdrop.models import INSTRUMENTS, Model
from stemdrop_cli.display import print_error
from stemdrop_cli.errors import DONE
from stemdrop_model.install import default_folder, remove
from stemdrop_model.manifest import network_size_bytes
from stemdrop_model.weights import pinned
from stemdrop_model.whisper import PINNED_WHISPER, installed_whisper, remove_whisper
from stemdrop_separate.lyrics.lyrics_writer import find_whisper
from stemdrop_separate.separator import find_models

# What Whisper's models give in place of stems.
LYRICS = "lyrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.set_defaults(action=_list)
    actions = parser.add_subparsers(metavar="ACTION")
    known = [*INSTRUMENTS, *PINNED_WHISPER]
    for name, action, text, models in (
        ("list", _list, "list the models and their sizes (default)", []),
        ("fetch", _fetch, "fetch and build models", known),
        ("remove", _remove, "remove models", [*known, *installed_whisper(default_folder())]),
    ):
        command = actions.add_parser(name, help=text)
        command.set_defaults(action=action)
        if models:
            command.add_argument("models", nargs="+", choices=models, metavar="MODEL")


def run(parsed: argparse.Namespace) -> int:
    """Run the action, and return the exit status.

    Raises
    ------
    ModelUnavailableError : A model can't be fetched, or isn't there to be removed.
    OptionError : MODEL_DIR names the user's own folder, which stays as it is.
    """
    named = os.environ.get("MODEL_DIR")
    if named and parsed.action is not _list:
        raise OptionError(f"MODEL_DIR names {named}, which only you change: unset MODEL_DIR.")
    parsed.action(parsed)
    return DONE


@contextmanager
def download_bar(model: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a download once it begins: a bar on a terminal, and a line anywhere else."""
    with ExitStack() as stack:
        shown: list[Callable[[int, int | None], None]] = []

        def update(done: int, total: int | None) -> None:
            if not shown:
                shown.append(stack.enter_context(_bar(f"fetching the model {model}")))
            shown[0](done, total)

        yield update


@contextmanager
def _bar(text: str) -> Iterator[Callable[[int, int | None], None]]:
    if not sys.stderr.isatty():
        print_error(text)
        yield lambda *_: None
        return
    # Slow to import.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _list(_: argparse.Namespace) -> None:
    folder = Path(os.environ.get("MODEL_DIR") or default_folder())
    sizes = {name: network_size_bytes(pinned(name), folder) for name in INSTRUMENTS}
    sizes |= dict.fromkeys(PINNED_WHISPER, 0) | installed_whisper(folder)
    for name, size_bytes in sizes.items():
        state = f"{size_bytes / 1e6:.0f} MB" if size_bytes else "not installed"
        print(f"{name:<7} {state:<14} {', '.join(INSTRUMENTS.get(name, [LYRICS]))}")
    print(f"Folder: {folder}")


def _fetch(parsed: argparse.Namespace) -> None:
    for name in parsed.models:
        with download_bar(name) as on_progress:
            if name in PINNED_WHISPER:
                folder = find_whisper(name, None, on_progress).parent.parent
                size_bytes = installed_whisper(folder)[name]
            else:
                folder = find_models(Model(name), on_progress)
                size_bytes = network_size_bytes(pinned(name), folder)
        print(f"{name}: {size_bytes / 1e6:.0f} MB in {folder}")


def _remove(parsed: argparse.Namespace) -> None:
    folder = default_folder()
    for name in parsed.models:
        freed_bytes = remove(name, folder) if name in INSTRUMENTS else remove_whisper(name, folder)
        if not freed_bytes:
            raise ModelUnavailableError(f"{name} isn't installed in {folder}.")
        print(f"{name}: removed, {freed_bytes / 1e6:.0f} MB")
