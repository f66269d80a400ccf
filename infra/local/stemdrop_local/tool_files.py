"""Environment files for AWS's command line and for `sam local`."""

import json
import os
import shlex
from pathlib import Path

from stemdrop_local.deployment import LOCAL_VARIABLES, Stack
from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess

SHELL_FILE = "environment"
SAM_FILE = "sam-env.json"
# Variables that `sam local --env-vars` sets.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL_SQS")
# Variables of this environment; an image has its own.
LOCAL_ONLY = {"MODEL_DIR", "AWS_ENDPOINT_URL", "RETRY_DELAYS_S", *LOCAL_VARIABLES}


def write_tool_files(folder: Path, emulator: EmulatorProcess, stack: Stack) -> None:
    """Write variables for a shell to source, and for `sam local --env-vars`.

    Only their owner can read them, since the secret access key is in them.
    """
    account = {**emulator.credentials, "AWS_REGION": REGION}
    shell = {**account, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": stack.endpoint_url}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in shell.items()]
    _write(folder / SHELL_FILE, "".join(["unset AWS_SESSION_TOKEN\n", *lines]))
    endpoints = dict.fromkeys(ENDPOINTS, stack.endpoint_url)
    functions = emulator.client("lambda")
    variables = {}
    for name in ("SeparateFunction", "ApiFunction"):
        configuration = functions.get_function_configuration(FunctionName=stack.outputs[name])
        deployed = configuration["Environment"]["Variables"]
        kept = {key: value for key, value in deployed.items() if key not in LOCAL_ONLY}
        variables[name] = {**kept, **account, **endpoints}
    _write(folder / SAM_FILE, json.dumps(variables, indent=1))


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
