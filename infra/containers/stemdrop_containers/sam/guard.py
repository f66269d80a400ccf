"""Keep a container engine's socket, and leave nothing behind when standard input closes.

    python -m stemdrop_containers.sam.guard MARK FD ENGINE [FOLDER]

Standard input is a pipe that only the parent holds open, so this ends with the parent however the
parent ends. FD is the reading end of another pipe: who works with the engine holds its writing end,
and is waited for. Then all containers of SAM's with the environment variable MARK are removed. With
FOLDER, this runs Podman's service at a socket in it, its mounts are seen by nobody else, and what
a build that was interrupted has left in a storage of ours goes, too.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from stemdrop_containers.offline import FOLDER, STORAGE

# Source: linux/prctl.h.
PR_SET_CHILD_SUBREAPER = 36
SOCKET = "podman.sock"
LABEL = "label=sam.cli.container.type=lambda"
# SAM has two seconds to end; see stemdrop_local.runtime.leash.
CLIENTS_S = 15.0
COMMAND_S = 60.0
GRACE_S = 5.0


def main() -> int:
    """Wait for the end, and clean up; return the exit status."""
    mark, fd, engine, *folder = sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # only the parent's end is ours
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    before = steps_of_builds(engine)
    service = _serve(engine, Path(folder[0])) if folder else None
    while os.read(0, 1024):
        pass
    select.select([int(fd)], [], [], CLIENTS_S)  # readable at its end: nobody writes
    remove_containers(engine, mark)
    if service:
        _end(service)
        _end_orphans()
        for container in steps_of_builds(engine) - before:
            subprocess.run([engine, "rm", "--force", container], check=False, timeout=COMMAND_S)
        unmount = ["umount", "--lazy", "/run"]
        subprocess.run(unmount, check=False, timeout=COMMAND_S)
        shutil.rmtree(folder[0], ignore_errors=True)
    return 0


def remove_containers(engine: str, mark: str) -> None:
    """Remove SAM's containers that have an environment variable, whether they run or not."""
    for container in _ask(engine, "ps", "--all", "--quiet", "--filter", LABEL).split():
        variables = _ask(engine, "inspect", "--format", "{{json .Config.Env}}", container)
        if mark in json.loads(variables or "[]"):
            subprocess.run([engine, "rm", "--force", container], check=False, timeout=COMMAND_S)


def steps_of_builds(engine: str) -> set[str]:
    """Return the containers in which images are built; in a storage of others they aren't ours."""
    if os.environ.get("CONTAINERS_STORAGE_CONF") != str(FOLDER / STORAGE):
        return set()
    listing = _ask(engine, "ps", "--all", "--external", "--format", "{{.ID}} {{.Names}}")
    found = (line.split() for line in listing.splitlines())
    return {number for number, name in found if name.endswith("-working-container")}


def _ask(*command: str) -> str:
    run = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, timeout=COMMAND_S)
    return run.stdout.strip()


def _serve(engine: str, folder: Path) -> "subprocess.Popen[bytes]":
    """Start Podman's service, its address in a form that no folder is too deep for.

    What it writes under /run goes into the folder: networks, their names and states.
    """
    layers = [folder / "upper", folder / "work"]
    for layer in layers:
        layer.mkdir(exist_ok=True)
    options = f"lowerdir=/run,upperdir={layers[0]},workdir={layers[1]}"
    mount = ["mount", "--types", "overlay", "overlay", "--options", options, "/run"]
    subprocess.run(mount, check=True, timeout=COMMAND_S)
    return subprocess.Popen(
        [engine, "system", "service", "--time=0", f"unix:///proc/self/cwd/{SOCKET}"],
        stdin=subprocess.DEVNULL,
        cwd=folder,
    )


def _end(service: "subprocess.Popen[bytes]") -> None:
    service.terminate()
    try:
        service.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()


def _end_orphans() -> None:
    """End what containers leave behind: their monitors, and what these start at the end."""
    while True:
        for children in Path("/proc/self/task").glob("*/children"):
            for pid in children.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main())
