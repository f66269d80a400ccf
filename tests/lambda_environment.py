"""The environment variables of a deployed function, and its event source."""

import os

from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess


def function_variables(
    emulator: EmulatorProcess, function: str, endpoint_url: str
) -> dict[str, str]:
    """Return the variables that the template and Lambda set, with an endpoint URL for AWS.

    They include no variable of this process, and none of its credentials.
    """
    name = f"stemdrop-{function}"
    configuration = emulator.client("lambda").get_function_configuration(FunctionName=name)
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **emulator.credentials,
        **configuration["Environment"]["Variables"],
        "AWS_ENDPOINT_URL": endpoint_url,
    }


def disable_event_source(emulator: EmulatorProcess) -> None:
    """Disable the event source of the separator."""
    functions = emulator.client("lambda")
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
