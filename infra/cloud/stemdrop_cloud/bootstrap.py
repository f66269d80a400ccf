"""What infra/bootstrap.yaml made for a stack; if it is there, it is used instead of SAM's own."""

from dataclasses import replace

from stemdrop_cloud.account import Account, Stack
from stemdrop_cloud.configuration import CONFIGURATION, Environment, load_environment

NAME = "{stack}-bootstrap"
ENVIRONMENT = "{environment}-bootstrap"
BOUNDARY = "PermissionsBoundary"
# Outputs of the bootstrap stack to arguments of `sam deploy`.
ARGUMENTS = {
    "ArtifactsBucket": "--s3-bucket",
    "ImageRepositoryUri": "--image-repository",
    "ExecutionRoleArn": "--role-arn",
}


def find_bootstrap(account: Account, stack: str) -> Stack | None:
    """Return the bootstrap stack of a stack, or None."""
    found = account.find_stack(NAME.format(stack=stack))
    return found if found and found.is_ours and "ImageRepositoryUri" in found.outputs else None


def adopt(environment: Environment, bootstrap: Stack | None) -> Environment:
    """Return the environment that uses what a bootstrap stack has, if there is one.

    Raises
    ------
    UnpreparedError : samconfig.toml has no such environment.
    """
    if bootstrap is None:
        return environment
    if environment.is_known:
        environment = load_environment(
            ENVIRONMENT.format(environment=environment.name.removesuffix("-bootstrap")),
            CONFIGURATION,
        )
    boundary = bootstrap.outputs.get("PermissionsBoundaryArn")
    parameters = {BOUNDARY: boundary} if boundary else {}
    return replace(environment, parameters={**environment.parameters, **parameters})


def arguments(bootstrap: Stack) -> list[str]:
    """Return what `sam deploy` has to be told of a bootstrap stack."""
    words: list[str] = []
    for output, argument in ARGUMENTS.items():
        if output in bootstrap.outputs:
            words += [argument, bootstrap.outputs[output]]
    return words
