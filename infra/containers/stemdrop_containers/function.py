"""The built image as Lambda runs it: a container is an execution environment.

Its limits are those of Lambda as far as an engine can set them. Two are stricter: what is under
/tmp counts as memory, and the time it takes to load the handler counts as the first event's.
"""

import json
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

from stemdrop_local.runtime.place import LEASH, Launch
from stemdrop_local.template import Function

from stemdrop_containers.engine import Engine, EngineError
from stemdrop_containers.leftovers import LABEL, name_container, removal, sweep

# Source: "Configure Lambda function memory" and "Lambda quotas" in the AWS Lambda guide.
MB_PER_PROCESSOR = 1769
MAX_PROCESSORS = 6
MAX_PROCESSES = 1024
MAX_FILES = 1024
# As Lambda's own: it is in no image's list of users.
USER = "993:990"
# Mount, controller and file of the highest memory use; source: the kernel's documentation of
# control groups, version 1 and 2.
PEAKS = (
    ("/sys/fs/cgroup/memory", "memory", "memory.max_usage_in_bytes"),
    ("/sys/fs/cgroup", "", "memory.peak"),
)
# See the Dockerfile.
EMULATOR = "/opt/local/bin/aws-lambda-rie"


class Container:
    """The image in a container, as a `Place` of an `Emulator`: one container at a time.

    Parameters
    ----------
    volumes : files and folders of this machine to mount, read-only, and where.

    Attributes
    ----------
    name : of the container that was started last.
    """

    def __init__(
        self, engine: Engine, image: str, volumes: Mapping[Path, str] | None = None
    ) -> None:
        self._engine = engine
        self._image = image
        self._volumes = volumes or {}
        self.name = ""

    def launch(
        self,
        function: Function,
        handler: str,
        options: Sequence[str],
        variables: Mapping[str, str],
    ) -> Launch:
        """Return how to start a container; see `stemdrop_local.runtime.place.Place`.

        What is left of earlier ones is removed.

        Raises
        ------
        EngineError : the engine fails, or this isn't Linux.
        """
        if platform.system() != "Linux":
            raise EngineError("Lambda's limits can be set on Linux only: see `make sam-local`.")
        sweep(self._engine)
        self.name = name_container()
        words = [*isolation(self._engine.name), *limits(function, sorted(os.sched_getaffinity(0)))]
        # PATH is the image's own.
        words += [f"--env={name}={value}" for name, value in variables.items() if name != "PATH"]
        words += [f"--volume={here}:{there}:ro" for here, there in self._volumes.items()]
        words += [f"--name={self.name}", f"--label={LABEL}", f"--entrypoint={EMULATOR}"]
        run = self._engine.command("run", *words, self._image, *options, *self._runtime(), handler)
        leash = [*LEASH, "--finally", shlex.join(removal(self._engine, self.name))]
        return Launch([*leash, *run], self._engine.environment)

    @property
    def pid(self) -> int:
        """Return the id of the container's first process, as this machine sees it."""
        inspected = self._engine.run("inspect", "--format", "{{.State.Pid}}", self.name)
        return int(inspected.stdout)

    def peak_bytes(self) -> int:
        """Return the most memory that the container has taken so far, with files under /tmp.

        The kernel counts what it keeps of files that were read, too, as it does in Lambda.
        """
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            for hierarchy, controller, file in PEAKS:
                peak = Path(f"{hierarchy}{group}/{file}")
                if controller == controllers and peak.is_file():
                    return int(peak.read_text())
        raise EngineError("The kernel doesn't tell the memory of a container.")

    def _runtime(self) -> list[str]:
        """Return what the image starts with, when nobody asks for anything else."""
        form = "{{json .Config.Entrypoint}}"
        inspected = self._engine.run("image", "inspect", "--format", form, self._image).stdout
        entrypoint: list[str] = json.loads(inspected)
        return entrypoint


def isolation(engine_name: str) -> list[str]:
    """Return what keeps a container apart, as options of an engine's `run`."""
    common = [
        "--rm",
        "--pull=never",
        "--no-healthcheck",
        "--log-driver=none",  # what is written goes to the emulator's log
        "--network=host",
        "--ipc=none",  # there is no shared memory, and no /dev/shm
        "--read-only",
        f"--user={USER}",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
    ]
    if engine_name != "podman":
        return common
    # Podman has more to write to than /tmp, hands on proxies, and tells an unknown user's name.
    return [*common, "--read-only-tmpfs=false", "--http-proxy=false", "--passwd=false"]


def limits(function: Function, processors: Sequence[int]) -> list[str]:
    """Return a function's limits on a machine with some processors, as options of `run`."""
    share = min(function.memory_mb / MB_PER_PROCESSOR, MAX_PROCESSORS, len(processors))
    words = [
        f"--memory={function.memory_mb}m",
        f"--memory-swap={function.memory_mb}m",  # of both: there is no swap
        f"--cpus={share:.3f}",
        f"--pids-limit={MAX_PROCESSES}",
        f"--ulimit=nofile={MAX_FILES}:{MAX_FILES}",
        f"--ulimit=nproc={MAX_PROCESSES}:{MAX_PROCESSES}",
        f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={function.storage_mb}m",
    ]
    # A function sees whole processors, of which it may have a share: two at least.
    visible = max(2, ceil(share))
    if visible < len(processors):
        words.append(f"--cpuset-cpus={','.join(map(str, processors[:visible]))}")
    return words
