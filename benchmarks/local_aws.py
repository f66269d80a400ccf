"""A local AWS for a measurement, and the variables of its functions."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stemdrop_local.deployment import Stack
from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen


@contextmanager
def run_local_aws(folder: Path) -> Iterator[EmulatorProcess]:
    """Run a local AWS, with its data and log in a folder."""
    with (
        closing(listen(LOOPBACK, 0)) as listening,
        EmulatorProcess(listening, folder, secrets.token_hex(20)) as emulator,
    ):
        yield emulator


def function_variables(emulator: EmulatorProcess, stack: Stack, function: str) -> dict[str, str]:
    """Return the environment variables of a function, with credentials.

    Parameters
    ----------
    function : Output of the template with the function's name.
    """
    configuration = emulator.client("lambda").get_function_configuration(
        FunctionName=stack.outputs[function]
    )
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **emulator.credentials,
        **configuration["Environment"]["Variables"],
    }
