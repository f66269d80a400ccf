"""Deployment of template.yaml into the emulator, by its CloudFormation."""

import io
import json
import shlex
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from stemdrop.errors import SetupError
from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.localize import LocalCode, localize
from stemdrop_local.template_file import load_template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template.yaml"
STACK_NAME = "stemdrop"
CODE_BUCKET = f"{STACK_NAME}-code"
CODE_KEY = "bootstrap.zip"
TEMPLATE_KEY = "template.json"  # a template in a request has at most 51,200 bytes
LOCAL_VARIABLES = {"POWERTOOLS_TRACE_DISABLED": "true", "WEBHOOK_LOOPBACK": "true"}
REFUSED = "template.yaml can't be deployed into the local AWS"
CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class DeploymentError(SetupError):
    """The template can't be deployed into the emulator."""

    code = "deployment"


@dataclass(frozen=True, slots=True)
class Stack:
    """The deployed application.

    Attributes
    ----------
    endpoint_url : URL of AWS and of the HTTP API.
    outputs, parameters : Outputs and parameters of the deployed template.
    s3, sqs : Clients with the credentials of the stack's user.
    """

    endpoint_url: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    s3: "S3Client"
    sqs: "SQSClient"

    @property
    def uploads_bucket(self) -> str:
        """Return the name of the uploads bucket."""
        return self.outputs["UploadsBucket"]

    @property
    def stems_bucket(self) -> str:
        """Return the name of the stems bucket."""
        return self.outputs["StemsBucket"]

    @property
    def song_queue_url(self) -> str:
        """Return the URL of the queue of S3's notifications."""
        return self.outputs["SongQueueUrl"]

    @property
    def failure_queue_url(self) -> str:
        """Return the URL of the queue of messages that failed three times."""
        return self.outputs["FailureQueueUrl"]

    def count_failures(self) -> int:
        """Return the number of messages in the failure queue."""
        found = self.sqs.get_queue_attributes(
            QueueUrl=self.failure_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings of a deployment.

    Attributes
    ----------
    parameters : Parameters of the template that override its defaults.
    environment, handlers : Settings of functions; see `LocalCode`.
    """

    parameters: Mapping[str, str]
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    handlers: Mapping[str, str] = field(default_factory=dict)


def deploy(emulator: EmulatorProcess, deployment: Deployment) -> Stack:
    """Deploy the template.

    Raises
    ------
    DeploymentError : CloudFormation rejects the template.
    """
    s3 = emulator.s3()
    location: Any = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration=location)
    s3.put_object(Bucket=CODE_BUCKET, Key=CODE_KEY, Body=_bootstrap_zip())
    local = {"AWS_ENDPOINT_URL": emulator.endpoint_url, **LOCAL_VARIABLES}
    environment = {
        name: {**local, **deployment.environment.get(name, {})}
        for name in ("SeparateFunction", "ApiFunction", "LyricsFunction", "WebhookFunction")
    }
    code = LocalCode(CODE_BUCKET, CODE_KEY, environment, deployment.handlers)
    template = localize(load_template(TEMPLATE), code)
    s3.put_object(Bucket=CODE_BUCKET, Key=TEMPLATE_KEY, Body=json.dumps(template))
    created = _create_stack(emulator, deployment.parameters)
    return Stack(
        endpoint_url=emulator.endpoint_url,
        outputs={each["OutputKey"]: each["OutputValue"] for each in created["Outputs"]},
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in created["Parameters"]},
        s3=s3,
        sqs=emulator.client("sqs"),
    )


def _bootstrap_zip() -> bytes:
    file = zipfile.ZipInfo("bootstrap")
    file.external_attr = 0o755 << 16
    program = shlex.quote(sys.executable)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(file, f"#!/bin/sh\nexec {program} -m stemdrop_local.bootstrap\n")
    return buffer.getvalue()


def _create_stack(emulator: EmulatorProcess, parameters: Mapping[str, str]) -> Mapping[str, Any]:
    cloudformation = emulator.client("cloudformation")
    waiter = cloudformation.get_waiter("stack_create_complete")
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    try:
        cloudformation.create_stack(
            StackName=STACK_NAME,
            TemplateURL=f"{emulator.endpoint_url}/{CODE_BUCKET}/{TEMPLATE_KEY}",
            Capabilities=CAPABILITIES,
            Parameters=given,
        )
        waiter.wait(StackName=STACK_NAME, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    except WaiterError as error:
        raise DeploymentError(f"{REFUSED}: {_reasons(cloudformation)}.") from error
    except ClientError as error:
        reason = error.response["Error"]["Message"].rstrip(".")
        raise DeploymentError(f"{REFUSED}: {reason}.") from error
    created: Mapping[str, Any] = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return created


def _reasons(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    )
