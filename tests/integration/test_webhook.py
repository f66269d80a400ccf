"""Webhooks of the deployed stack: signed, retried through the queue, given up after the last."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from lambda_environment import function_variables
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen
from uploads import song
from webhook_receiver import SECRET, WebhookReceiver, documented_verification, receive_webhooks

TOKEN = "t" * 32
# Seven attempts, as on AWS, in less time.
DELAYS = "1 1 1 1 1 1"


@dataclass
class WebhookStack:
    """The deployed application, and a receiver that its list of hosts names."""

    stack: Stack
    emulator: EmulatorProcess
    receiver: WebhookReceiver

    def submit(self, data: bytes, filename: str = "a.wav", **fields: Any) -> dict[str, Any]:
        """Create a job with a callback URL, and upload its song."""
        wanted = {
            "filename": filename,
            "size_bytes": len(data),
            "callback_url": f"http://127.0.0.1:{self.receiver.port}/hook?secret=abc",
        }
        created = self.post(wanted | fields)
        assert created.status_code == 201, created.text
        job: dict[str, Any] = created.json()
        upload = job["upload"]
        httpx.put(upload["url"], content=data, headers=upload["headers"]).raise_for_status()
        return job

    def post(self, wanted: dict[str, Any]) -> httpx.Response:
        url, headers = f"{self.stack.endpoint_url}/jobs", {"authorization": f"Bearer {TOKEN}"}
        return httpx.post(url, json=wanted, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def webhooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookStack]:
    folder = tmp_path_factory.mktemp("webhooks")
    with ExitStack() as running:
        receiver = running.enter_context(receive_webhooks(204))
        listening = running.enter_context(closing(listen(LOOPBACK, 0)))
        emulator = running.enter_context(EmulatorProcess(listening, folder, "s" * 40))
        parameters = {
            "AccessToken": TOKEN,
            "WebhookHosts": f"127.0.0.1:{receiver.port}",
            "WebhookSecret": SECRET,
        }
        environment = {
            "SeparateFunction": {"MODEL_DIR": str(ROOT / "build" / "models")},
            "WebhookFunction": {"RETRY_DELAYS_S": DELAYS},
        }
        stack = deploy(emulator, Deployment(parameters, environment))
        yield WebhookStack(stack, emulator, receiver)


def test_webhook_is_sent_until_it_is_accepted(webhooks: WebhookStack) -> None:
    webhooks.receiver.statuses[:] = [500, 302, 204]
    job = webhooks.submit(song())
    first, second, third = (webhooks.receiver.take() for _ in range(3))
    is_genuine = documented_verification()
    for webhook in (first, second, third):
        assert webhook.path == "/hook?secret=abc"
        assert is_genuine(webhook.headers, webhook.body, SECRET)
        assert not is_genuine(webhook.headers, webhook.body + b" ", SECRET)
    assert first.body == second.body == third.body
    ids = {webhook.headers["webhook-id"] for webhook in (first, second, third)}
    times = [int(webhook.headers["webhook-timestamp"]) for webhook in (first, second, third)]
    assert len(ids) == 1
    assert times == sorted(set(times))
    record = json.loads(first.body)
    assert (record["key"], record["status"]) == (job["key"], "done")
    assert "callback_url" not in record
    assert webhooks.receiver.requests.empty()


def test_known_song_and_failed_job_call_back_too(webhooks: WebhookStack) -> None:
    webhooks.receiver.statuses[:] = [204]
    known = webhooks.submit(song())
    assert json.loads(webhooks.receiver.take().body)["key"] == known["key"]
    failed = webhooks.submit(b"no song")
    record = json.loads(webhooks.receiver.take().body)
    assert (record["key"], record["error"]["code"]) == (failed["key"], "not_audio")


def test_webhook_that_is_never_accepted_is_kept_and_can_be_redriven(
    webhooks: WebhookStack,
) -> None:
    webhooks.receiver.statuses[:] = [500]
    job = webhooks.submit(b"not a song either")
    attempts = [webhooks.receiver.take() for _ in range(7)]
    assert len({webhook.headers["webhook-id"] for webhook in attempts}) == 1
    sqs = webhooks.stack.sqs
    name = "stemdrop-webhook-failures"
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    while not (
        kept := sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, VisibilityTimeout=0).get(
            "Messages"
        )
    ):
        assert webhooks.receiver.requests.empty()
    assert job["key"] in kept[0]["Body"]
    webhooks.receiver.statuses[:] = [204]
    arn = webhooks.stack.outputs["WebhookRedriveCommand"].split()[-1]
    sqs.start_message_move_task(SourceArn=arn)
    assert webhooks.receiver.take().headers["webhook-id"] == attempts[0].headers["webhook-id"]
    log = webhooks.emulator.log.read_text()
    assert "answered with the status 500" in log
    assert "secret=abc" not in log


def test_callback_url_of_another_host_is_refused(webhooks: WebhookStack) -> None:
    wanted = {"filename": "a.wav", "size_bytes": 1, "callback_url": "https://evil.example/"}
    refused = webhooks.post(wanted)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_callback_url")


def test_only_the_webhook_function_has_the_secret(webhooks: WebhookStack) -> None:
    for function in ("api", "separate", "webhook"):
        variables = function_variables(webhooks.emulator, function, "")
        assert (SECRET in variables.values()) == (function == "webhook")
