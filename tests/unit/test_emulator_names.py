"""MiniStack's private names that the emulator uses, to detect changes in new releases."""

import ast
import inspect
from pkgutil import resolve_name

import pytest

from stemdrop_local import emulator, emulator_gaps

# Module or class to names that the emulator reads or replaces.
NAMES = {
    "ministack.app": {"app"},
    "ministack.core.iam_actions": {"extract_resource_arn", "request_tag_context"},
    "ministack.core.iam_evaluator": {"_fnmatch_compile", "is_root_access_key"},
    "ministack.core.lambda_runtime.ProvidedWorker": {"_build_handler_class"},
    "ministack.core.responses": {"set_request_account_id"},
    "ministack.services.apigateway": {"_apis"},
    "ministack.services.cloudformation": {"_stacks"},
    "ministack.services.cloudformation.provisioners": {"_RESOURCE_HANDLERS"},
    "ministack.services.iam": {"_access_keys", "_now", "_user_inline_policies", "_users"},
    "ministack.services.lambda_svc": {
        "_provided_worker_env",
        "_sqs_esm_concurrency",
        "execution_credentials",
    },
    "ministack.services.s3": {
        "DATA_DIR",
        "_bucket_owner_account",
        "_buckets",
        "_load_persisted_bucket",
    },
    "ministack.services.sqs": {
        "_Err",
        "_HANDLERS",
        "_act_send_message",
        "_queue_by_arn",
        "_queues",
        "_queues_lock",
    },
    "ministack.services.sts": {"is_root_access_key", "register_session"},
}
# Function to the number of arguments that the emulator passes or accepts.
ARGUMENTS = {
    "ministack.core.iam_actions.extract_resource_arn": 8,
    "ministack.core.iam_actions.request_tag_context": 4,
    "ministack.core.iam_evaluator._fnmatch_compile": 2,
    "ministack.core.iam_evaluator.is_root_access_key": 1,
    "ministack.core.lambda_runtime.ProvidedWorker._build_handler_class": 3,
    "ministack.core.responses.set_request_account_id": 1,
    "ministack.services.iam._now": 0,
    "ministack.services.lambda_svc._provided_worker_env": 3,
    "ministack.services.lambda_svc.execution_credentials": 1,
    "ministack.services.s3._bucket_owner_account": 1,
    "ministack.services.s3._load_persisted_bucket": 3,
    "ministack.services.sqs._act_send_message": 2,
    "ministack.services.sqs._queue_by_arn": 1,
    "ministack.services.sts.register_session": 2,
}


def names_in_use() -> dict[str, set[str]]:
    """Return the names that the emulator uses from MiniStack's modules."""
    sources = [inspect.getsource(module) for module in (emulator, emulator_gaps)]
    tree = ast.parse("\n".join(sources))
    modules: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
            for each in node.names:
                if node.module == "ministack.app":
                    found.setdefault(node.module, set()).add(each.name)
                else:
                    modules[each.name] = f"{node.module}.{each.name}"
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules:
                found.setdefault(modules[name], set()).add(attribute)
    return found


def test_list_of_ministack_names_is_complete() -> None:
    assert names_in_use() == NAMES


@pytest.mark.parametrize("module", NAMES)
def test_ministack_has_names_in_use(module: str) -> None:
    missing = {name for name in NAMES[module] if not hasattr(resolve_name(module), name)}
    assert not missing, f"{module} has moved what stemdrop_local.emulator uses: {missing}"


@pytest.mark.parametrize("function", ARGUMENTS)
def test_ministack_functions_take_expected_arguments(function: str) -> None:
    module, _, name = function.rpartition(".")
    signature = inspect.signature(getattr(resolve_name(module), name))
    try:
        signature.bind(*range(ARGUMENTS[function]))
    except TypeError as error:
        pytest.fail(f"{function} takes other arguments than the emulator gives it: {error}")


@pytest.mark.parametrize("resource", ["AWS::S3::Bucket", "AWS::ApiGatewayV2::Api"])
def test_ministack_provisioners_take_expected_arguments(resource: str) -> None:
    from ministack.services.cloudformation import provisioners

    create = provisioners._RESOURCE_HANDLERS[resource]["create"]
    assert list(inspect.signature(create).parameters) == ["logical_id", "props", "stack_name"]


def test_ministack_sqs_actions_take_expected_arguments() -> None:
    from ministack.services import sqs

    send = sqs._HANDLERS["SendMessage"]
    assert len(inspect.signature(send).parameters) == 2
    assert "StartMessageMoveTask" not in sqs._HANDLERS, "MiniStack has it: delete ours."
