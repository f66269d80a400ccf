"""moto's server as the tests of infra/cloud need it; cloud_server.py starts it.

    python tests/cloud_process.py FD

moto's CloudFormation lacks what these tests are about, so it is added here: templates by URL, SAM's
transform (SAM's own, from .venv-sam), tags and outputs after a change set, buckets that can't be
deleted because they aren't empty. Lambda runs nothing; what it was asked for is at INVOCATIONS.
"""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.cloudformation import models, responses
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from cloud_server import INVOCATIONS, transform

ACCOUNT_ID = "123456789012"
PARTITION = "aws"
ACCOUNT_SETTINGS = "/2016-08-19/account-settings"
# Those of a new account.
LIMITS = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
invocations: list[dict[str, str]] = []


def main() -> None:
    """Serve until standard input closes."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    default_user_config["lambda"]["use_docker"] = False
    LambdaSimpleBackend.invoke = _invoke
    responses.CloudFormationResponse._get_stack_from_s3_url = _template_of
    for name in ("create_stack", "create_change_set", "update_stack"):
        original = getattr(models.CloudFormationBackend, name)
        setattr(models.CloudFormationBackend, name, _transforming(original))
    _finish_change_sets()
    _keep_full_buckets()
    host, port = listening.getsockname()
    application = Recorder(DomainDispatcherApplication(create_backend_app))
    server = make_server(host, port, application, threaded=True, fd=listening.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


class Recorder:
    """Shows what Lambda was asked for, and answers what moto doesn't know."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        answers = {INVOCATIONS: invocations, ACCOUNT_SETTINGS: {"AccountLimit": LIMITS}}
        path = Request(environ).path
        if path not in answers:
            return self._application(environ, start_response)
        return Response(json.dumps(answers[path]))(environ, start_response)


def _invoke(
    _self: Any, function_name: str, _qualifier: Any, body: Any, headers: Any, _answer: Any
) -> bytes:
    kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
    text = body.decode() if isinstance(body, bytes) else body
    invocations.append({"function": function_name, "kind": kind, "payload": text})
    return b""


def _template_of(_self: Any, url: str) -> str:
    bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
    found = s3_backends[ACCOUNT_ID][PARTITION].get_object(bucket, key)
    text: str = found.value.decode()
    return text


def _transforming(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *positional: Any, **named: Any) -> Any:
        template = named.get("template")
        if template and "AWS::Serverless" in template:
            transformed = json.loads(transform(template, named.get("parameters")))
            _leave_out_what_breaks(transformed["Resources"])
            named["template"] = json.dumps(transformed)
        return original(self, *positional, **named)

    return call


def _leave_out_what_breaks(resources: dict[str, Any]) -> None:
    """Leave out what moto creates, and then fails to update."""
    for name, resource in list(resources.items()):
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"].pop("Layers", None)
        if resource["Type"] == "AWS::CloudFormation::Stack":  # even where its condition is false
            del resources[name]


def _finish_change_sets() -> None:
    execute = models.CloudFormationBackend.execute_change_set

    def finished(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        execute(self, change_set_name, stack_name)
        named = (each for each in self.change_sets.values())
        change_set = next(
            each for each in named if change_set_name in {each.change_set_id, each.change_set_name}
        )
        stack = change_set.stack
        stack.template_dict = change_set.template_dict
        stack.parameters = change_set.parameters
        stack.description = change_set.template_dict.get("Description")
        stack.output_map = stack._create_output_map()

    models.CloudFormationBackend.execute_change_set = finished


def _keep_full_buckets() -> None:
    delete = models.CloudFormationBackend.delete_stack

    def checked(self: Any, name_or_stack_id: str) -> None:
        for stack in list(self.stacks.values()):
            if name_or_stack_id in {stack.name, stack.stack_id}:
                full = _full_bucket(stack)
                if full:
                    stack.status = "DELETE_FAILED"
                    stack.events.append(_refusal(stack, *full))
                    return
        delete(self, name_or_stack_id)

    models.CloudFormationBackend.delete_stack = checked


def _full_bucket(stack: Any) -> tuple[str, str] | None:
    buckets = s3_backends[ACCOUNT_ID][PARTITION].buckets
    for logical_id, resource in stack.resource_map._resource_json_map.items():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        name = stack.resource_map[logical_id].physical_resource_id
        bucket = buckets.get(name)
        if bucket and (list(bucket.keys.keys()) or bucket.multiparts):
            return logical_id, name
    return None


def _refusal(stack: Any, logical_id: str, name: str) -> Any:
    return models.Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=logical_id,
        physical_resource_id=name,
        resource_type="AWS::S3::Bucket",
        resource_status="DELETE_FAILED",
        resource_status_reason="The bucket you tried to delete is not empty",
        resource_properties="",
    )


if __name__ == "__main__":
    main()
