"""A program that has the image in a container until it is killed: started by tests."""

import os
import sys
import time
from pathlib import Path

from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.template import read_application

from stemdrop_containers.engine import find_engine
from stemdrop_containers.function import Container


def main() -> None:
    """Print the container's name and the leash's process once an event was answered, and wait."""
    image, folder = sys.argv[1], Path(sys.argv[2])
    container = Container(find_engine(is_offline=os.environ.get("OFFLINE") == "1"), image)
    function = read_application().function
    log = folder / "function.log"
    with Emulator(function, "http://127.0.0.1:9", log, place=container) as emulator:
        emulator.invoke({})
        sys.stdout.write(f"{container.name} {emulator.pid}\n")
        sys.stdout.flush()
        while True:
            time.sleep(0.1)  # not signal.pause: it sleeps through a signal that came just before


if __name__ == "__main__":
    main()
