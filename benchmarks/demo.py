"""The demo: separate a song with the deployed template, and write its stems to a folder.

python -m benchmarks.demo --out out [--song path]
"""

import argparse
import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.report import print_report, save_picture
from benchmarks.songs.song import GeneratedSong, generate
from benchmarks.songs.wav import write_wav
from stemdrop.errors import StemdropError
from stemdrop.job_record import Job, Status
from stemdrop.keys import RECORD_NAME, UploadKey, record_key
from stemdrop.options import Options
from stemdrop_local.completions import CompletionQueue
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen

MODELS = ROOT / "build" / "models"
GENERATED_S = 30
RETRY_DELAYS_S = "1 1"
INTERRUPTED = 130


class DemoError(StemdropError):
    """The demo has no stems."""

    code = "demo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, and return the exit status: 1 if there are no stems, 130 if interrupted."""
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
    except KeyboardInterrupt:
        print("demo: Interrupted.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _demonstrate(song: Path | None, out: Path) -> None:
    if song is not None and not song.is_file():
        raise DemoError(f"There is no file {song}.")
    if out.exists() and not out.is_dir():
        raise DemoError(f"{out} is not a folder: choose another one with OUT.")
    stems = [out / f"{stem}.{Options().codec}" for stem in Options().stems]
    if song is not None and song.resolve() in [stem.resolve() for stem in stems]:
        raise DemoError(f"A stem would replace the song {song}: choose another folder with OUT.")
    out.mkdir(parents=True, exist_ok=True)
    known: GeneratedSong | None = None
    if song is None:
        song, known = out / "song.wav", generate(GENERATED_S)
        write_wav(song, [known.mix])
    with tempfile.TemporaryDirectory(prefix="stemdrop-demo-") as scratch:
        job = separate(song, out, Path(scratch))
        save_picture(song, job, out, Path(scratch))
        print_report(job, known, out, Path(scratch))


def separate(song: Path, out: Path, scratch: Path) -> Job:
    """Put a song into the drop folder of a new stack, and wait for its stems.

    Parameters
    ----------
    out : Folder for job.json and the stems.
    scratch : Folder for the stack's data and log.

    Raises
    ------
    DemoError : The job failed.
    """
    deployment = Deployment(
        {"AccessToken": secrets.token_urlsafe(32)},
        {"SeparateFunction": {"MODEL_DIR": str(MODELS), "RETRY_DELAYS_S": RETRY_DELAYS_S}},
    )
    ended: list[Job] = []
    with (
        closing(listen(LOOPBACK, 0)) as listening,
        EmulatorProcess(listening, scratch / "stack", secrets.token_urlsafe(32)) as emulator,
    ):
        stack = deploy(emulator, deployment)
        completions = CompletionQueue(stack, emulator.client("sns"), ended.append)
        key = UploadKey.parse(f"drop/{song.name}")
        print(f"Dropping {song} into s3://{stack.uploads_bucket}/{key} ...")
        stack.s3.upload_file(str(song), stack.uploads_bucket, str(key))
        while not ended:
            emulator.check()
            completions.receive()
            if stack.count_failures():
                raise DemoError(f"The function failed:\n{_end_of(emulator.log)}")
        return _collect(stack, key, out)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


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
