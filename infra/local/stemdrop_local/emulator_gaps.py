"""Workarounds for differences between MiniStack and AWS that affect the application.

Each gap has a function of its own, whose first line names the gap.
"""

import hmac
import json
import re
import secrets
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from stemdrop_local.ports import LOOPBACK

ACCOUNT_ID = "123456789012"
RUNTIME_API = "AWS_LAMBDA_RUNTIME_API"
RUNTIME_USER = "function"
ADMINISTRATOR = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


def create_user(access_key_id: str, secret: str) -> None:
    """Create the user of this stack, since no root user exists to call CreateUser."""
    from ministack.core import responses
    from ministack.services import iam

    responses.set_request_account_id(ACCOUNT_ID)
    iam._users[access_key_id] = {
        "UserName": access_key_id,
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:user/{access_key_id}",
        "UserId": "AIDALOCAL",
        "CreateDate": iam._now(),
        "Path": "/",
        "PermissionsBoundary": "",
        "AttachedPolicies": [],
        "Tags": [],
    }
    iam._access_keys[access_key_id] = {
        "UserName": access_key_id,
        "AccessKeyId": access_key_id,
        "SecretAccessKey": secret,
        "Status": "Active",
        "CreateDate": iam._now(),
    }
    iam._user_inline_policies[access_key_id] = {"administrator": json.dumps(ADMINISTRATOR)}


def close_gaps(songs: int) -> None:
    """Make MiniStack behave like AWS where the application depends on it."""
    know_no_root_keys()
    draw_role_credentials()
    protect_runtime_api()
    keep_objects_of_buckets()
    apply_api_cors()
    start_message_move_tasks()
    match_line_breaks()
    know_transcribe_conditions()
    name_transcription_jobs()
    limit_songs(songs)


def know_no_root_keys() -> None:
    """Gap: well-known keys such as "test" are the root user's, and their signatures unchecked."""
    from ministack.core import iam_evaluator
    from ministack.services import sts

    iam_evaluator.is_root_access_key = sts.is_root_access_key = lambda _: False


def draw_role_credentials() -> None:
    """Gap: the keys of a function's role are computed from its ARN, so anybody can know them."""
    from ministack.services import lambda_svc, sts

    def credentials(config: dict[str, Any]) -> dict[str, str]:
        role, name = config["Role"].rsplit("/", 1)[-1], config["FunctionName"]
        key = f"ASIA{secrets.token_hex(8).upper()}"
        secret, token = secrets.token_hex(20), secrets.token_hex(32)
        session = {
            "Arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{name}",
            "UserId": f"{role}:{name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        }
        sts.register_session(key, session)
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
        }

    lambda_svc.execution_credentials = credentials


def protect_runtime_api() -> None:
    """Gap: whoever finds the port of a function's Runtime API gets its events, with users' tokens.

    A web page can do that by DNS rebinding, and any user of this machine without it. Here, the
    address that functions get has a password, and only requests with it are answered.
    """
    from ministack.core.lambda_runtime import ProvidedWorker
    from ministack.services import lambda_svc

    credential = f"{RUNTIME_USER}:{secrets.token_urlsafe(32)}"
    expected = b"Basic " + b64encode(credential.encode())
    build_handler_class = ProvidedWorker._build_handler_class
    worker_env = lambda_svc._provided_worker_env

    def build_protected(worker: Any, *state: Any) -> Any:
        handler_class: Any = build_handler_class(worker, *state)

        class ProtectedHandler(handler_class):  # type: ignore[misc]  # MiniStack has no types
            def parse_request(self) -> bool:
                """Parse the head of a request, or refuse it."""
                if not super().parse_request():
                    return False
                given = self.headers.get("Authorization", "").encode()
                is_allowed = hmac.compare_digest(given, expected)
                if not is_allowed:
                    self.send_error(403)
                return is_allowed

        return ProtectedHandler

    def env_with_password(config: dict[str, Any], folder: str, port: int) -> dict[str, str]:
        env: dict[str, str] = worker_env(config, folder, port)
        return env | {RUNTIME_API: f"{credential}@{LOOPBACK}:{port}"}

    ProvidedWorker._build_handler_class = build_protected
    lambda_svc._provided_worker_env = env_with_password


def keep_objects_of_buckets() -> None:
    """Gap: CloudFormation can't create a bucket that has objects from before a restart.

    MiniStack loads them on import. Here, a bucket loads its objects on creation, so that each start
    deploys the stack again and needs no other state.
    """
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    s3._buckets._data.clear()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create = handlers["create"]

    def create_with_objects(logical_id: str, properties: Any, stack_name: str) -> Any:
        created = create(logical_id, properties, stack_name)
        folder = Path(s3.DATA_DIR, ACCOUNT_ID, created[0])
        if folder.is_dir():
            s3._load_persisted_bucket(ACCOUNT_ID, created[0], str(folder))
        return created

    handlers["create"] = create_with_objects


def apply_api_cors() -> None:
    """Gap: CloudFormation stores an API's CORS rules under names that requests don't use."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create = handlers["create"]

    def create_with_cors(logical_id: str, properties: Any, stack_name: str) -> Any:
        rules = properties.get("CorsConfiguration") or {}
        named = {name[0].lower() + name[1:]: rule for name, rule in rules.items()}
        return create(logical_id, {**properties, "CorsConfiguration": named}, stack_name)

    handlers["create"] = create_with_cors


def start_message_move_tasks() -> None:
    """Gap: SQS's StartMessageMoveTask is missing. All messages are moved at once."""
    from ministack.services import sqs

    def start(request: dict[str, Any], _: str) -> dict[str, str]:
        failures = sqs._queue_by_arn(request["SourceArn"])
        if failures is None:
            raise sqs._Err("ResourceNotFoundException", "The source queue doesn't exist.")
        for queue in list(sqs._queues._data.values()):
            policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
            if policy.get("deadLetterTargetArn") == request["SourceArn"]:
                with sqs._queues_lock:
                    moved, failures["messages"] = failures["messages"], []
                for message in moved:
                    sqs._act_send_message({"MessageBody": message["body"]}, queue["url"])
        return {"TaskHandle": secrets.token_urlsafe(16)}

    sqs._HANDLERS["StartMessageMoveTask"] = start


def match_line_breaks() -> None:
    """Gap: the wildcards of policies don't match line breaks, which the names of songs may have."""
    from ministack.core import iam_evaluator

    compile_wildcards = iam_evaluator._fnmatch_compile

    @cache
    def compile_all(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        compiled: re.Pattern[str] = compile_wildcards(pattern, ignore_case)
        return re.compile(compiled.pattern, compiled.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = compile_all


def know_transcribe_conditions() -> None:
    """Gap: policies can't refer to the bucket and the key that Transcribe writes to."""
    from ministack.core import iam_actions

    tag_context = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = tag_context(service, action, body, params)
        if action == "transcribe:StartTranscriptionJob":
            given = json.loads(body)
            names = ("OutputBucketName", "OutputKey")
            found |= {f"transcribe:{name}": given[name] for name in names if name in given}
        return found

    iam_actions.request_tag_context = context


def name_transcription_jobs() -> None:
    """Gap: policies can't refer to the names of Transcribe's jobs."""
    from ministack.core import iam_actions

    resource_arn = iam_actions.extract_resource_arn

    def arn(service: str, method: str, path: str, headers: Any, body: bytes, *others: Any) -> str:
        target = headers.get("x-amz-target", "").rpartition(".")[2]
        if service == "transcribe" and target == "GetTranscriptionJob":
            name = json.loads(body)["TranscriptionJobName"]
            _, region, account_id = others
            return f"arn:aws:transcribe:{region}:{account_id}:transcription-job/{name}"
        found: str = resource_arn(service, method, path, headers, body, *others)
        return found

    iam_actions.extract_resource_arn = arn


def limit_songs(songs: int) -> None:
    """Gap: a MaximumConcurrency that comes from a parameter stays text, which can't be compared.

    Lambda's minimum is 2, but a small machine separates one song at a time: this sets it directly.
    """
    from ministack.services import lambda_svc

    lambda_svc._sqs_esm_concurrency = lambda *_: songs
