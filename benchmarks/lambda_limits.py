"""Lambda's limits as options of a container engine's `run`.

Two limits are stricter than on Lambda: files in /tmp count as memory, and initialization counts
toward the timeout of the first event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

# Source: "Configure Lambda function memory" and "Lambda quotas" in the AWS Lambda guide.
MB_PER_PROCESSOR = 1769
MAX_PROCESSORS = 6
MAX_PROCESSES = 1024
MAX_FILES = 1024
# The user of Lambda, which no image defines.
USER = "993:990"
ISOLATION = (
    "--pull=never",
    "--no-healthcheck",
    "--log-driver=none",  # the output goes to a file
    "--network=host",
    "--ipc=none",  # there is no shared memory, and no /dev/shm
    "--read-only",
    f"--user={USER}",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
# By default, Podman mounts other writable folders, passes proxies, and adds the user to passwd.
PODMAN_ISOLATION = ("--read-only-tmpfs=false", "--http-proxy=false", "--passwd=false")


@dataclass(frozen=True, slots=True)
class LambdaLimits:
    """The limits of a function.

    Attributes
    ----------
    processors : Number of processors, if different from the share of the memory size.
    """

    memory_mb: int = 3008
    timeout_s: int = 300
    storage_mb: int = 4096
    processors: float | None = None

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment variables that Lambda sets, except credentials."""
        return {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_LAMBDA_FUNCTION_NAME": "separate",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout_s),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def options(self, processors: Sequence[int]) -> list[str]:
        """Return the options for a machine with these processors."""
        share = min(self.memory_mb / MB_PER_PROCESSOR, MAX_PROCESSORS, len(processors))
        words = [
            f"--memory={self.memory_mb}m",
            f"--memory-swap={self.memory_mb}m",  # the sum of both, so there is no swap
            f"--cpus={self.processors or share:.3f}",
            f"--pids-limit={MAX_PROCESSES}",
            f"--ulimit=nofile={MAX_FILES}:{MAX_FILES}",
            f"--ulimit=nproc={MAX_PROCESSES}:{MAX_PROCESSES}",
            f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={self.storage_mb}m",
        ]
        # A function sees at least two processors, even with a share of one.
        visible = max(2, ceil(share))
        if visible < len(processors):
            words.append(f"--cpuset-cpus={','.join(map(str, processors[:visible]))}")
        return words
