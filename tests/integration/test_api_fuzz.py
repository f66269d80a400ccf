"""Requests that schemathesis generates from the OpenAPI document."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from api_events import TOKEN, Api
from stemdrop.job_record import UploadSource
from stemdrop.keys import UploadKey, result_key
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus
from stemdrop.options import Options
from stemdrop_api import examples
from stemdrop_local.deployment import Stack
from uploads import RESULTS_ID, save_done

if TYPE_CHECKING:
    from schemathesis.engine import events

# Examples of each route; the nightly workflow has more.
EXAMPLES = int(os.environ.get("API_EXAMPLES", "10"))
AT_LEAST = 300
CONFIGURATION: dict[str, Any] = {
    "seed": 1,
    "workers": 1,
    "headers": {"Authorization": f"Bearer {TOKEN}"},
    "generation": {"deterministic": True, "max-examples": EXAMPLES},
    # The schema doesn't describe conflicts of options, installed models and limits.
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "3xx", "401", "404", "409", "413", "422"]
        }
    },
}


@pytest.fixture
def furnished(api: Api, buckets: Stack, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return the API with a completed job and song, under the IDs of the examples.

    They come back when a request deletes them, so that later ones find them.
    """
    furnish(buckets)
    routes = sys.modules["stemdrop_api.routes"]
    delete_job = routes.delete_job

    def delete_and_furnish(dependencies: object, key: UploadKey, owner: str | None) -> None:
        delete_job(dependencies, key, owner)
        if str(key) == examples.DONE["key"]:
            furnish(buckets)

    monkeypatch.setattr(routes, "delete_job", delete_and_furnish)
    return api


def furnish(buckets: Stack) -> None:
    """Put a completed job and song under the IDs of the examples."""
    for shown in (examples.DONE, examples.DROPPED):
        source, options = UploadSource(**examples.SOURCE), Options.parse(examples.OPTIONS)
        key = UploadKey.parse(shown["key"])
        lyrics = Lyrics(
            LyricsStatus.DONE,
            "whisper tiny.en",
            "en",
            files=tuple(
                LyricsFile(each, result_key(key, RESULTS_ID, each.filename), 1)
                for each in LyricsFormat
            ),
        )
        save_done(buckets, key, source, options, lyrics=lyrics)


def failures(event: "events.ScenarioFinished") -> Iterator[str]:
    """Return the failed checks of a scenario, with their requests."""
    recorder = event.recorder
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = recorder.cases[case_id].value
                failure = check.failure_info.failure
                yield f"{check.name}: {failure.title} {failure.message} {case.as_curl_command()}"


def test_generated_requests_get_documented_responses(furnished: Api) -> None:
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import Status as EngineStatus
    from schemathesis.engine import events, from_schema

    assert furnished.token
    app = sys.modules["stemdrop_api.handler"].app
    seen: Counter[tuple[str, int]] = Counter()
    wrong: list[str] = []
    config = SchemathesisConfig.from_dict(CONFIGURATION)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            wrong.extend(failures(event))
            seen.update(calls(event))
        elif isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(repr(event))
        elif isinstance(event, events.PhaseFinished):
            assert event.status is EngineStatus.SUCCESS, (event.phase, wrong)
    assert not wrong
    assert seen.total() >= AT_LEAST, seen
    assert not [status for _, status in seen if status >= 500]
    # The requests have different outcomes.
    assert {status for _, status in seen} >= {200, 201, 204, 401, 404, 405, 422}


def calls(event: "events.ScenarioFinished") -> Iterator[tuple[str, int]]:
    """Return method and status of the requests of a scenario."""
    for interaction in event.recorder.interactions.values():
        if interaction.response is not None:
            yield interaction.request.method, interaction.response.status_code
