"""One song's way through the whole application, with every request counted."""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemdrop_local.events.attempt import Attempt
from stemdrop_local.events.delivery import Delivery
from stemdrop_local.http.front import Front, PublicServer, listen
from stemdrop_local.http.gateway import Gateway
from stemdrop_local.http.pool import Pool
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.place import Place
from stemdrop_local.s3.door import s3_door
from stemdrop_local.s3.server import S3Server
from stemdrop_local.template import read_application

from benchmarks.cost.logs import LogReader
from benchmarks.cost.traffic import Recorder, Request, Through, Traffic
from benchmarks.processes import CommandError, measure
from stemdrop.options import Codec
from stemdrop_local.deployment import Stack, create_stack
from stemdrop_local.ports import LOOPBACK
from stemdrop_local.services import API_HANDLER

BIN = Path(sys.executable).parent
TRIES = 3
# Nobody has to wait long for another attempt, as the song is sent anew after it.
BACKOFF_S = 1


@dataclass(frozen=True, slots=True)
class Journey:
    """A running application, whose separator is the image under its limits.

    Attributes
    ----------
    requests : seen so far.
    attempts : of the separator so far.
    logs : of both functions.
    """

    url: str
    token: str
    stack: Stack
    requests: list[Request]
    attempts: list[Attempt]
    logs: LogReader

    def travel(self, song: Path, codec: Codec) -> Traffic:
        """Have a song separated, and return what that took.

        Raises
        ------
        CommandError : it didn't work out at the first attempt, however often it was sent.
        """
        for _ in range(TRIES):
            traffic = self._travel(song, codec)
            failed = [attempt for attempt in self.attempts if not attempt.outcome.succeeded]
            if not failed:
                return traffic
            print(f"Once more, as an attempt failed: {failed[0].outcome.payload}", file=sys.stderr)
        raise CommandError(f"An attempt failed: {failed[0].outcome.payload}")

    def _travel(self, song: Path, codec: Codec) -> Traffic:
        self._forget()
        self.logs.read()
        self.requests.clear()
        self.attempts.clear()
        with tempfile.TemporaryDirectory(prefix="stemdrop-cost-") as out:
            command = [str(BIN / "stemdrop"), "submit", str(song), "-o", out, "-c", codec]
            measure([*command, "--url", self.url, "--token", self.token], {"PATH": os.defpath})
            sizes = [path.stat().st_size for path in Path(out).rglob(f"*.{codec}")]
        lines = self.logs.read()
        return Traffic(tuple(self.requests), song.stat().st_size, sum(sizes), lines)

    def _forget(self) -> None:
        """Delete what is remembered of songs, so that none is known."""
        bucket, prefix = self.stack.stems_bucket, "content/"
        listing = self.stack.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        for found in listing.get("Contents", []):
            self.stack.s3.delete_object(Bucket=bucket, Key=found["Key"])


@contextmanager
def beginning(
    folder: Path, place: Place | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Journey]:
    """Run the application.

    Parameters
    ----------
    folder : for logs.
    place : where the separator runs.
    environment : of the separator, in addition to what the template says.
    """
    token = secrets.token_hex(16)
    application = read_application(parameters={"AccessToken": token})
    buckets = [bucket.name for bucket in application.buckets]
    seen: list[Request] = []
    logs = [folder / name for name in ("journey-api.log", "journey-separator.log")]
    with ExitStack() as exits:
        server = exits.enter_context(S3Server(folder / "journey-s3.log"))
        stack = exits.enter_context(create_stack(server, application))
        inside = Recorder(Through(server.endpoint_url), buckets, seen, is_inside=True)
        inner, outer = (exits.enter_context(closing(listen(LOOPBACK, 0))) for _ in range(2))
        exits.enter_context(PublicServer(inner, inside))
        url = f"http://{LOOPBACK}:{outer.getsockname()[1]}"
        secret = {"AWS_SECRET_ACCESS_KEY": token}
        api = Emulator(application.api, url, logs[0], secret, API_HANDLER)
        front = Front(
            Gateway(exits.enter_context(Pool([api])).invoke),
            s3_door(stack, server.endpoint_url, token),
            buckets,
            lambda _: None,
        )
        exits.enter_context(PublicServer(outer, Recorder(front, buckets, seen, is_inside=False)))
        inner_url = f"http://{LOOPBACK}:{inner.getsockname()[1]}"
        separator = Emulator(application.function, inner_url, logs[1], environment, place=place)
        attempts: list[Attempt] = []
        exits.enter_context(Delivery(stack, [separator], BACKOFF_S, attempts.append))
        yield Journey(url, token, stack, seen, attempts, LogReader(*logs))
