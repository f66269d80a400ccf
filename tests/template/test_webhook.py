"""The webhook function, its queues and its subscription exist together, and only if wanted."""

import subprocess
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stemdrop_webhook.delivery import TIMEOUT_S
from stemdrop_webhook.settings import RETRY_DELAYS_S, WebhookSettings
from templates import Resolver, Template

HOSTS = {"WebhookHosts": "hooks.example.org"}
WEBHOOK = "Webhook"


def test_nothing_of_webhooks_exists_without_hosts(template: Template) -> None:
    names = [name for name in template["Resources"] if name.startswith(WEBHOOK)]
    assert len(names) > 8
    wanted = Resolver(template, HOSTS | {"AlarmAddress": "you@example.org"})
    without = Resolver(template, {"AlarmAddress": "you@example.org"})
    for name in names:
        assert (wanted.exists(name), without.exists(name)) == (True, False), name
    assert template["Outputs"]["WebhookRedriveCommand"]["Condition"] == "HasWebhooks"
    assert "webhook" not in without.properties("Dashboard")["DashboardBody"]


def test_hosts_require_a_secret(template: Template) -> None:
    rule = template["Rules"]["WebhooksWithASecret"]
    (assertion,) = rule["Assertions"]
    for secret, holds in (("", False), ("whsec_" + "a" * 32, True)):
        resolver = Resolver(template, HOSTS | {"WebhookSecret": secret})
        assert resolver.resolve(rule["RuleCondition"]) is True
        assert resolver.resolve(assertion["Assert"]) is holds
    assert Resolver(template).resolve(rule["RuleCondition"]) is False


def test_webhook_is_tried_as_often_as_there_are_delays(resolver: Resolver) -> None:
    queue, failures = map(resolver.properties, ("WebhookQueue", "WebhookFailureQueue"))
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": resolver.resolve({"Fn::GetAtt": ["WebhookFailureQueue", "Arn"]}),
        "maxReceiveCount": len(RETRY_DELAYS_S) + 1,
    }
    assert failures["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [resolver.resolve({"Fn::GetAtt": ["WebhookQueue", "Arn"]})],
    }
    assert failures["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert sum(RETRY_DELAYS_S) < queue["MessageRetentionPeriod"]
    timeout_s = resolver.properties("WebhookFunction")["Timeout"]
    assert 2 * TIMEOUT_S < timeout_s <= queue["VisibilityTimeout"] / 6
    assert queue["SqsManagedSseEnabled"] is failures["SqsManagedSseEnabled"] is True


def test_only_jobs_with_a_callback_url_reach_the_queue(resolver: Resolver) -> None:
    topic = resolver.resolve({"Ref": "CompletionTopic"})
    assert resolver.properties("WebhookSubscription") == {
        "TopicArn": topic,
        "Protocol": "sqs",
        "Endpoint": resolver.resolve({"Fn::GetAtt": ["WebhookQueue", "Arn"]}),
        "FilterPolicy": {"callback_url": [{"exists": True}]},
    }
    (statement,) = [
        found
        for found in resolver.properties("WebhookQueuePolicy")["PolicyDocument"]["Statement"]
        if found["Effect"] == "Allow"
    ]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": topic}}


def test_the_function_sends_one_webhook_at_a_time(resolver: Resolver) -> None:
    (event,) = resolver.properties("WebhookFunction")["Events"].values()
    assert event["Properties"] == {
        "Queue": resolver.resolve({"Fn::GetAtt": ["WebhookQueue", "Arn"]}),
        "BatchSize": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


def test_only_the_webhook_function_gets_the_secret(template: Template) -> None:
    users = {
        name
        for name, resource in template["Resources"].items()
        if {"Ref": "WebhookSecret"} in find_references(resource)
    }
    assert users == {"WebhookFunction"}


def find_references(value: Any) -> list[Any]:
    """Return all values in a resource."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(found for each in inner for found in find_references(each))]


@given(st.data())
def test_secret_that_the_template_accepts_is_decoded_by_the_function(
    template: Template, data: st.DataObject
) -> None:
    pattern = template["Parameters"]["WebhookSecret"]["AllowedPattern"]
    secrets = data.draw(st.from_regex(pattern, fullmatch=True).filter(bool))
    env = {
        "WEBHOOK_HOSTS": "hooks.example.org",
        "WEBHOOK_SECRET": secrets,
        "WEBHOOK_QUEUE_URL": "https://sqs.example/webhooks",
    }
    decoded = WebhookSettings.from_env(env).secrets
    assert len(decoded) == secrets.count(",") + 1
    assert all(24 <= len(secret) <= 64 for secret in decoded)


def test_zip_of_the_function_has_its_modules_only(root: Path, tmp_path: Path) -> None:
    folder = root / "functions" / "webhook"
    subprocess.run(
        ["make", "build-WebhookFunction", f"ARTIFACTS_DIR={tmp_path}", "PYTHON=/bin/false"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    built = {path.name for path in (tmp_path / "stemdrop_webhook").iterdir()}
    assert built == {path.name for path in folder.glob("stemdrop_webhook/*.py")}
    assert [path.name for path in tmp_path.iterdir()] == ["stemdrop_webhook"]
