"""A program that runs the embedded stack until it is killed: started by tests, with a folder."""

import sys
import time
from dataclasses import replace
from pathlib import Path

from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.s3.server import S3Server
from stemdrop_local.template import read_application


def main() -> None:
    """Print the function's temporary folder once all processes are there, and wait."""
    folder = Path(sys.argv[1])
    function = replace(read_application().function, timeout_s=60)
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    with (
        S3Server(folder / "s3.log") as server,
        Emulator(
            function,
            server.endpoint_url,
            folder / "emulator.log",
            environment,
            "local_handlers.handler",
        ) as emulator,
    ):
        emulator.invoke({"do": "leave"})
        seen = emulator.invoke({"do": "describe"}).payload
        sys.stdout.write(f"{seen['environment']['TMPDIR']}\n")
        sys.stdout.flush()
        while True:
            time.sleep(0.1)  # not signal.pause: it sleeps through a signal that came just before


if __name__ == "__main__":
    main()
