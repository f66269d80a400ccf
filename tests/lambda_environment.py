"""The environment variables that a deployed function finds in Lambda."""

import os

from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess


def function_variables(
    emulator: EmulatorProcess, function: str, endpoint_url: str
) -> dict[str, str]:
    """Return the variables of the template and those that Lambda sets, with AWS at an address.

    Nothing of this process's own environment goes along, least of all anybody's credentials.
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
    """Have the separator receive no more messages."""
    functions = emulator.client("lambda")
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
