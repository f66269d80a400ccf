"""Deploy the application of template.yaml, or bring a stack of it up to date.

    python -m stemdrop_cloud.deploy --help

All that it needs is looked at first. A stack that has no token gets one; it is in the stack, and in
a file here that only its owner can read.
"""

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from stemdrop_cloud import bootstrap, parameters
from stemdrop_cloud.access_token import FOLDER, TokenFile, make_token
from stemdrop_cloud.account import Account, Stack, require_output, require_stack
from stemdrop_cloud.builders import served
from stemdrop_cloud.command import parser, run
from stemdrop_cloud.errors import DONE
from stemdrop_cloud.plan import Plan, make_plan
from stemdrop_cloud.sam import Sam
from stemdrop_cloud.welcome import welcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy, and return the exit status."""
    return run(_deploy, _parser(), arguments)


def _parser() -> argparse.ArgumentParser:
    made = parser("deploy", "Deploy stemdrop to AWS, or bring a stack of it up to date.")
    made.add_argument("--models", help='to bake into the image, such as "2stems 4stems"')
    made.add_argument("--architecture", help="x86_64 or arm64")
    made.add_argument("--alarm-address", help="where alarms are sent to by e-mail")
    made.add_argument(
        "--parameters",
        default="",
        metavar="'NAME=VALUE ...'",
        help="others of template.yaml; those that aren't given stay as they are",
    )
    made.add_argument(
        "--new-token", action="store_true", help="replace the token; the old one lets nobody in"
    )
    made.add_argument("--check", action="store_true", help="only look at what it needs")
    return made


def _deploy(parsed: argparse.Namespace) -> int:
    plan = make_plan(parsed)
    for line in _announcement(plan):
        print(line)
    if parsed.check:
        return DONE
    token = _token_to_set(plan, is_new_wanted=parsed.new_token)
    _build_and_deploy(plan, token)
    stack = require_stack(plan.account, plan.name)
    token_file = _keep_token(plan, stack, token)
    print(welcome(stack, token_file, plan.account.region))
    return DONE


def _announcement(plan: Plan) -> list[str]:
    state = plan.site.stack.status if plan.site.stack else "new"
    return [
        f"Account {plan.account.id}, {plan.account.region}, as {plan.account.identity}",
        f"Stack {plan.name} ({state}), {plan.values['Models']} for {plan.values['Architecture']}",
        f"Images by {plan.engine.name}",
        *(f"Mind: {warning}" for warning in plan.warnings),
    ]


def _token_to_set(plan: Plan, *, is_new_wanted: bool) -> str | None:
    """Return the token that the stack gets; None leaves it the one that it has."""
    if plan.needs_no_token:
        return ""
    if plan.given_token and not is_new_wanted:
        return plan.given_token
    # Who comes from JSON web tokens has none yet.
    is_first = plan.site.stack is None or bool(plan.site.stack.parameters.get("JwtIssuer"))
    return make_token() if is_first or is_new_wanted else None


def _build_and_deploy(plan: Plan, token: str | None) -> None:
    for_build = FOLDER / f"{plan.name}.build.yaml"
    for_deploy = FOLDER / f"{plan.name}.deploy.yaml"
    with served(plan.engine, FOLDER) as variables:
        sam = Sam(
            plan.environment,
            plan.name,
            plan.account.region,
            variables,
            bootstrap.arguments(plan.site.bootstrap) if plan.site.bootstrap else [],
        )
        try:
            sam.build(parameters.write(for_build, plan.values))
            secret = {} if token is None else {parameters.TOKEN_PARAMETER: token}
            sam.deploy(parameters.write(for_deploy, {**plan.overrides, **secret}))
        finally:
            for path in (for_build, for_deploy):
                path.unlink(missing_ok=True)


def _keep_token(plan: Plan, stack: Stack, set_now: str | None) -> TokenFile | None:
    """Copy the stack's token into its file, and return that; None if there is no token."""
    file = TokenFile.of(plan.account, plan.name)
    if plan.needs_no_token:
        file.delete()
        return None
    token = set_now or _deployed_token(plan.account, stack)
    if token:
        file.keep(token)
    return file


def _deployed_token(account: Account, stack: Stack) -> str | None:
    """Return the token that the stack has; somebody else may have set it."""
    function = require_output(stack, "ApiFunction")
    try:
        found = account.client("lambda").get_function_configuration(FunctionName=function)
    except (BotoCoreError, ClientError):  # it may not be ours to see
        return None
    token: str | None = found.get("Environment", {}).get("Variables", {}).get("ACCESS_TOKEN")
    return token


if __name__ == "__main__":
    sys.exit(main())
