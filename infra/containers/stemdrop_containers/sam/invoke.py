"""Invoke a function once by `sam local invoke`, with an embedded S3 of its own that has the song.

    python -m stemdrop_containers.sam.invoke [--event tests/events/s3_put.json] [--song path]

The song, a generated one unless told otherwise, is put where the event says that it was uploaded;
its stems come into the folder --out.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemdrop_local.events.attempt import keys_of
from stemdrop_local.stack import Stack
from stemdrop_local.template import API_FUNCTION, FUNCTION, ROOT

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.errors import StemdropError
from stemdrop.jobs import Job, Status, now
from stemdrop.keys import JOBS_PREFIX, UploadKey
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_containers.engine import find_engine
from stemdrop_containers.sam.cli import FOLDER, SamError
from stemdrop_containers.sam.local import Order, running
from stemdrop_containers.sam.services import Build
from stemdrop_local.console import Console
from stemdrop_local.local import end_by_signal, token_of
from stemdrop_local.settings import Settings
from stemdrop_separate.models import BackendName

EVENT = ROOT / "tests" / "events" / "s3_put.json"
DATA = FOLDER / "invoke"
GENERATED_S = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Invoke a function, and return the exit status: 1 if it raised."""
    end_by_signal()
    parsed = _parser().parse_args(arguments)
    try:
        answer = _invoke(parsed)
    except KeyboardInterrupt:
        return 130
    except StemdropError as error:
        print(f"invoke: {error.message}", file=sys.stderr)
        return 1
    print(answer)
    return 1 if '"errorType"' in answer else 0


def _invoke(parsed: argparse.Namespace) -> str:
    event = _read(parsed.event)
    shutil.rmtree(DATA, ignore_errors=True)
    settings = Settings(
        data=DATA,
        drop=DATA / "drop",
        stems=DATA / "stems",
        models=ROOT / "build" / "models",
        token=token_of(DATA / "token", None),
        port=0,
    )
    order = Order(settings, Build(parsed.models, parsed.backend), is_by_hand=True)
    engine = find_engine(is_offline=parsed.offline)
    with running(order, engine, Console(sys.stderr)) as (sam, services):
        for key in keys_of(event):
            _upload(services.stack, key, parsed.song or _generated())
        function = FUNCTION if "Records" in event else API_FUNCTION
        words = ["local", "invoke", function, "--event", str(parsed.event.resolve())]
        answer = sam.run(*words, stdout=subprocess.PIPE).strip()
        for key in keys_of(event):
            _fetch(services.stack, key, parsed.out)
    shutil.rmtree(DATA)
    return answer


def _read(path: Path) -> Mapping[str, Any]:
    try:
        event = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SamError(f"There is no event in {path}: {error}.") from error
    if not isinstance(event, dict):
        raise SamError(f"There is no event in {path}: it is no object.")
    return event


def _generated() -> Path:
    path = DATA / "song.wav"
    write_wav(path, [generate(GENERATED_S).mix])
    return path


def _upload(stack: Stack, key: str, song: Path) -> None:
    """Put a song where it was uploaded; a job has a record before that, or it was deleted."""
    if not song.is_file():
        raise SamError(f"There is no file {song}.")
    if key.startswith(JOBS_PREFIX):
        options = Options().to_json()
        job = Job(key, Status.AWAITING_UPLOAD, now(), now(), options=options)
        store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
        store.save_job(UploadKey.parse(key), job, None)
    stack.s3.upload_file(str(song), stack.uploads_bucket, key)


def _fetch(stack: Stack, key: str, out: Path) -> None:
    """Save what a song became, with its record."""
    found = stack.s3.list_objects_v2(Bucket=stack.stems_bucket, Prefix=f"{key}/")
    for entry in found.get("Contents", []):
        path = out / entry["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        stack.s3.download_file(stack.stems_bucket, entry["Key"], str(path))
        print(path, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make invoke", description="Invoke a function by SAM.", epilog="Calls go to the API."
    )
    option = parser.add_argument
    option("--event", type=Path, default=EVENT, help="a file (default: tests/events/s3_put.json)")
    option("--song", type=Path, help="what the event tells of; without it one is generated")
    option("--out", type=Path, default=Path("out"), help="where the stems go (default: out)")
    option("--offline", action="store_true", help="use Podman, and no image registry")
    option("--models", default="2stems", help='such as "2stems 4stems" (default: %(default)s)')
    option("--backend", default="onnx", choices=list(BackendName))
    return parser


if __name__ == "__main__":
    sys.exit(main())
