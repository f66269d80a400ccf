"""Run a command as on Windows: ``python windows_command.py stemdrop_cli.main separate ...``.

Only this project's modules see Windows: the standard library and the dependencies are imported
before.
"""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any

OURS = (
    "stemdrop_cli.main",
    "stemdrop_cli.separate",
    "stemdrop_cli.submit",
    "stemdrop_model.__main__",
    "stemdrop_model.build",
    "stemdrop_separate.models.onnx",
)
MISSING_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty")
MISSING_FROM_OS = {
    *("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG", "chown", "fchown"),
    *("fork", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getsid", "getuid"),
    *("killpg", "lockf", "mkfifo", "nice", "pidfd_open", "posix_spawn", "pread", "pwrite"),
    *("sched_getaffinity", "sched_setaffinity", "sendfile", "setpgid", "setsid", "statvfs"),
    *("sysconf", "uname", "wait", "wait3", "wait4", "waitid"),
}
MISSING_FROM_SIGNAL = {
    *("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGUSR1"),
    *("SIGUSR2", "SIGWINCH", "alarm", "pause", "pthread_sigmask", "setitimer", "sigwait"),
}
SIGBREAK = 21


class WindowsPopen(subprocess.Popen[bytes]):
    """Rejects what Windows rejects, and ignores what it ignores or what only it has."""

    def __init__(
        self,
        *arguments: Any,
        pass_fds: Collection[int] = (),
        preexec_fn: object = None,
        start_new_session: bool = False,  # noqa: ARG002
        creationflags: int = 0,  # noqa: ARG002
        **options: Any,
    ) -> None:
        assert not pass_fds, "pass_fds not supported on Windows."
        if preexec_fn is not None:
            raise ValueError("preexec_fn is not supported on Windows platforms")
        if "SYSTEMROOT" not in (options.get("env") or os.environ):
            raise OSError("a program needs SYSTEMROOT")
        super().__init__(*arguments, **options)


def replace(module: ModuleType, missing: Collection[str] = (), **different: object) -> None:
    """Have modules that are imported from now on see another version of a module."""
    other = ModuleType(module.__name__)
    present = {name: value for name, value in vars(module).items() if name not in missing}
    vars(other).update(present | different)
    sys.modules[module.__name__] = other


def main(module: str, arguments: list[str]) -> int:
    for name in OURS:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.startswith("stemdrop")]:
        del sys.modules[name]
    for name in MISSING_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    replace(os, MISSING_FROM_OS)
    replace(signal, MISSING_FROM_SIGNAL, SIGBREAK=SIGBREAK)
    replace(subprocess, Popen=WindowsPopen, CREATE_NEW_PROCESS_GROUP=0x200)
    replace(
        ModuleType("msvcrt"),
        LK_LOCK=1,
        locking=lambda file, _, size_bytes: os.lockf(file, os.F_LOCK, size_bytes),
    )
    replace(sys, platform="win32")
    status: int = importlib.import_module(module).main(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
