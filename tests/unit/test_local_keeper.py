"""Objects are kept whole, whatever their keys are and whatever happens while they are written."""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from stemdrop_local.s3.keeper import DataFolderError, Keeper, Kept, lock

BUCKET = "uploads"
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.sampled_from(
    ["..", "../../x", "a//b", "/", "x" * 1024, "drop/" + "ü" * 500, "\0", "a\nb", "lock"]
)
HOLDER = """
import sys
from pathlib import Path
from stemdrop_local.s3.keeper import lock
lock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def kept(key: str, body: bytes) -> Kept:
    modified = "2026-11-22T10:30:00.123456+00:00"
    metadata = {"content-type": "audio/mpeg", "x-amz-meta-title": "Ω\n"}
    return Kept(key, f"etag of {body!r}", modified, len(body), metadata, {"checksum_value": None})


def contents(folder: Path) -> dict[tuple[str, str], tuple[Kept, bytes]]:
    return {(bucket, it.key): (it, body.read()) for bucket, it, body in Keeper(folder).contents()}


class Broken(io.BytesIO):
    """A body that can't be read to its end."""

    def read(self, _: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(1)


class Keeping(RuleBasedStateMachine):
    """A keeper beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = Path(self.scratch.name)
        self.keeper = Keeper(self.folder)
        self.model: dict[tuple[str, str], tuple[Kept, bytes]] = {}

    def teardown(self) -> None:
        self.scratch.cleanup()

    @rule(bucket=st.sampled_from([BUCKET, "stems", "..."]), key=KEYS, body=st.binary(max_size=99))
    def write(self, bucket: str, key: str, body: bytes) -> None:
        it = kept(key, body)
        assert self.keeper.write(bucket, it, io.BytesIO(body)).read() == body
        self.model[bucket, key] = (it, body)

    @rule(key=KEYS)
    def break_off(self, key: str) -> None:
        with pytest.raises(OSError, match="Input/output"):
            self.keeper.write(BUCKET, kept(key, b"new"), Broken(b"new"))

    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        bucket, key = data.draw(st.sampled_from([*self.model, (BUCKET, "none")]))
        self.keeper.remove(bucket, key)
        self.model.pop((bucket, key), None)
        assert self.keeper.find(bucket, key) is None

    @rule()
    def restart(self) -> None:
        self.keeper = Keeper(self.folder)

    @invariant()
    def has_what_was_written(self) -> None:
        assert contents(self.folder) == self.model
        for (bucket, key), (it, body) in self.model.items():
            found = self.keeper.find(bucket, key)
            assert found is not None
            assert (found[0], found[1].read()) == (it, body)
        assert not list((self.folder / "unfinished").iterdir())


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=40, stateful_step_count=12)


def test_a_body_is_read_like_a_file(tmp_path: Path) -> None:
    content = io.BytesIO(b"not this: body")
    content.seek(10)
    body = Keeper(tmp_path).write(BUCKET, kept("song", b"body"), content)
    assert [body.read(3), body.read(3), body.read(), body.read(1)] == [b"bod", b"y", b"", b""]
    body.seek(1)
    assert body.read(2) == b"od"
    body.close()
    body.seek(0)
    assert body.read() == b"body"


def test_what_an_interrupted_server_has_left_is_removed(tmp_path: Path) -> None:
    Keeper(tmp_path)
    (tmp_path / "unfinished" / "0").write_bytes(b"half an object")
    keeper = Keeper(tmp_path)
    keeper.write(BUCKET, kept("song", b"body"), io.BytesIO(b"body"))
    assert [it.key for _, it, _ in keeper.contents()] == ["song"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[:0],
        lambda whole: whole[:20],
        lambda whole: whole[:-1],
        lambda whole: whole + b"!",
        lambda whole: whole.replace(b'"version": 1', b'"version": 2'),
        lambda whole: whole.replace(b'"etag"', b'"gate"'),
        lambda whole: b"[]\n" + whole,
        lambda whole: b"\xff" + whole,
    ],
)
def test_a_file_that_makes_no_sense_is_no_object_and_stays(tmp_path: Path, spoil: Any) -> None:
    keeper = Keeper(tmp_path)
    keeper.write(BUCKET, kept("song", b"body"), io.BytesIO(b"body"))
    (path,) = (tmp_path / "buckets" / BUCKET).iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    assert contents(tmp_path) == {}
    assert path.exists()
    keeper.write(BUCKET, kept("song", b"new"), io.BytesIO(b"new"))
    assert contents(tmp_path) == {(BUCKET, "song"): (kept("song", b"new"), b"new")}


def test_a_folder_belongs_to_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        with monkeypatch.context() as hurried:
            hurried.setattr("stemdrop_local.s3.keeper.LOCK_TIMEOUT_S", 0.1)
            with pytest.raises(DataFolderError, match="is in use: end the other stack"):
                lock(folder)
        holder.kill()
        os.close(lock(folder))  # waits until it is gone


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataFolderError, match="can't be used"):
        lock(tmp_path / "file" / "data")
