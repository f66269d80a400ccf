"""`stemdrop completion`: print a script that completes the command's arguments in a shell."""

import argparse
from dataclasses import fields

import shtab

from stemdrop.options import Options
from stemdrop_cli.errors import DONE

SHELLS = ("bash", "zsh", "fish", "powershell")
FILES = {"songs", "inputs", "ffmpeg"}
FOLDERS = {"output_path", "model_dir"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("shell", choices=SHELLS, help="shell that runs the script")


def run(parsed: argparse.Namespace) -> int:
    """Print the script, and return the exit status."""
    from stemdrop_cli.main import COMMANDS, build_parser

    parser = build_parser(COMMANDS)
    values = {option.name: list(option.metadata.get("values", ())) for option in fields(Options)}
    (commands,) = (action.choices for action in parser._actions if action.dest == "command")
    for command in dict(commands or {}).values():
        for action in command._actions:
            if action.dest in FILES | FOLDERS:
                action.complete = shtab.FILE if action.dest in FILES else shtab.DIRECTORY
            else:
                action.choices = values.get(action.dest) or action.choices
    print(shtab.complete(parser, parsed.shell))
    return DONE
