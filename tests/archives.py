"""Archives of weights, and a loopback server that serves them completely or truncated."""

import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from benchmarks.loopback_server import LoopbackHandler, LoopbackServer

FILES = {"model.data-00000-of-00001": b"weights" * 9999, "model.index": b"where each of them lies"}


def tar_gz(members: list[tarfile.TarInfo | tuple[str, bytes]]) -> bytes:
    """Pack files (name and content) and other members."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                name, content = member
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """Write a wheel that pip accepts."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    described: dict[str, str | bytes] = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in (described | files).items():
            archive.writestr(member, content)
    return path


def weights_toml(path: Path, files: dict[str, bytes], sources: list[str]) -> Path:
    """Write a weights.toml that pins files and sources of 4stems. Sources are lines of TOML."""
    lines = ["[4stems.files]"]
    lines += [f'"{name}" = "{sha256(content).hexdigest()}"' for name, content in files.items()]
    for source in sources:
        lines += ["[[4stems.sources]]", source]
    path.write_text("\n".join(lines) + "\n")
    return path


class ArchiveServer(LoopbackServer):
    """Serves the same content at every path but /absent.

    Attributes
    ----------
    missing_bytes : Number of announced bytes to leave out at the end.
    holding : Set when the first half is sent.
    release : Sends the second half when set. Set by default.
    requests : Requested paths.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(_ArchiveHandler)
        self.content = content
        self.missing_bytes = 0
        self.holding = threading.Event()
        self.release = threading.Event()
        self.release.set()
        self.requests: list[str] = []


class _ArchiveHandler(LoopbackHandler):
    protocol_version = "HTTP/1.0"  # the end of the connection is the end of the body
    owner: ArchiveServer

    def do_GET(self) -> None:
        served = self.owner
        served.requests.append(self.path)
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(served.content)))
        self.end_headers()
        sent = served.content[: len(served.content) - served.missing_bytes]
        half = len(sent) // 2
        self.wfile.write(sent[:half])
        self.wfile.flush()
        served.holding.set()
        served.release.wait()
        if not self.wfile.closed:
            self.wfile.write(sent[half:])


@contextmanager
def serve_archive(content: bytes) -> Iterator[ArchiveServer]:
    """Serve content, and send everything that is still held back at the end."""
    with ArchiveServer(content) as served:
        try:
            yield served
        finally:
            served.release.set()
