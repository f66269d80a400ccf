"""The demonstration: a song through the embedded stack and the real handler, its stems in a folder.

python -m stemdrop_local.demo --out out [--song path]
"""

import argparse
import queue
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.report import print_report, save_picture
from benchmarks.songs.song import Song, generate
from benchmarks.songs.wav import write_wav
from stemdrop.errors import StemdropError
from stemdrop.jobs import Job, Status
from stemdrop.keys import RECORD_NAME, UploadKey, record_key
from stemdrop_local.events.attempt import Attempt
from stemdrop_local.events.delivery import Delivery
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.s3.server import S3Server
from stemdrop_local.stack import Stack, create_stack
from stemdrop_local.template import ROOT, read_application

MODELS = ROOT / "build" / "models"
GENERATED_S = 30
BACKOFF_S = 1
STARTUP_S = 120


class DemoError(StemdropError):
    """The song did not come back as stems."""

    code = "demo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration, and return the exit status: 1 if there are no stems."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Separate a song on this machine."
    )
    parser.add_argument("--song", type=Path, help="a song; without it one is generated")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the stems go")
    parsed = parser.parse_args(arguments)
    try:
        _demonstrate(parsed.song, parsed.out)
    except StemdropError as error:
        print(f"demo: {error.message}", file=sys.stderr)
        return 1
    return 0


def _demonstrate(song: Path | None, out: Path) -> None:
    if song is not None and not song.is_file():
        raise DemoError(f"There is no file {song}.")
    out.mkdir(parents=True, exist_ok=True)
    known: Song | None = None
    if song is None:
        song, known = out / "song.wav", generate(GENERATED_S)
        write_wav(song, [known.mix])
    with tempfile.TemporaryDirectory(prefix="stemdrop-demo-") as scratch:
        job = separate(song, out, Path(scratch))
        save_picture(song, job, out, Path(scratch))
        print_report(job, known, out, Path(scratch))


def separate(song: Path, out: Path, scratch: Path) -> Job:
    """Put a song into the drop folder of a fresh stack, and wait for its stems.

    Parameters
    ----------
    out : takes job.json and the stems.
    scratch : takes the logs.

    Raises
    ------
    DemoError : the job failed, or its event did.
    """
    attempts: queue.SimpleQueue[Attempt] = queue.SimpleQueue()
    application = read_application()
    with ExitStack() as running:
        server = running.enter_context(S3Server(scratch / "s3.log"))
        stack = running.enter_context(create_stack(server, application))
        emulator = Emulator(
            application.function,
            stack.endpoint_url,
            scratch / "function.log",
            {"MODEL_DIR": str(MODELS)},
        )
        running.enter_context(Delivery(stack, [emulator], BACKOFF_S, attempts.put))
        key = UploadKey.parse(f"drop/{song.name}")
        print(f"Dropping {song} into s3://{stack.uploads_bucket}/{key} ...")
        stack.s3.upload_file(str(song), stack.uploads_bucket, str(key))
        _wait(attempts, emulator)
        return _collect(stack, key, out)


def _wait(attempts: "queue.SimpleQueue[Attempt]", emulator: Emulator) -> None:
    while True:
        attempt = attempts.get(timeout=STARTUP_S + emulator.function.timeout_s)
        if attempt.outcome.succeeded:
            return
        if attempt.is_last:
            log = emulator.log.read_text(errors="replace")
            raise DemoError(f"The function failed: {attempt.outcome.payload}\n{log[-4000:]}")


def _collect(stack: Stack, key: UploadKey, out: Path) -> Job:
    body = stack.s3.get_object(Bucket=stack.stems_bucket, Key=record_key(key))["Body"].read()
    (out / RECORD_NAME).write_bytes(body)
    job = Job.from_json(body)
    if job.status is not Status.DONE:
        raise DemoError(job.error.message if job.error else f"The job is {job.status}.")
    for stem in job.stems:
        stack.s3.download_file(stack.stems_bucket, stem.key, str(out / Path(stem.key).name))
    return job


if __name__ == "__main__":
    sys.exit(main())
