"""Deploy the application with SAM, or update it: `python -m stemdrop_cloud.deploy --help`."""

import argparse
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stemdrop.errors import SetupError
from stemdrop_cloud import parameters
from stemdrop_cloud.preflight import ROOT, TOKEN, DeploymentPlan, check, find_stack

EXIT_STATUS = "exit status: 0 done, 1 SAM failed, 2 a prerequisite is missing, 130 interrupted"


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy, and return the exit status."""
    parsed = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        deployment = check(parsed.environment, parsed.stack, parsed.parameters, parsed.sam)
        if deployment.problems:
            return _report(2, *deployment.problems)
        print(f"{deployment.name}: {deployment.stack.status}", end=", ")
        print(f"account {deployment.account}, region {deployment.region}", flush=True)
        if not parsed.check:
            _deploy(deployment, parsed)
    except SetupError as error:
        return _report(1, error.message)
    except KeyboardInterrupt:
        return _report(130, "Interrupted; CloudFormation may continue.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Deploy stemdrop to AWS.", epilog=EXIT_STATUS)
    parser.add_argument("--environment", default="dev", help="environment of samconfig.toml")
    parser.add_argument("--stack", required=True, help="name of the stack")
    parser.add_argument("--parameters", default="", help="parameters, as 'Name=value ...'")
    parser.add_argument("--new-token", action="store_true", help="replace the access token")
    parser.add_argument("--check", action="store_true", help="only check the prerequisites")
    parser.add_argument("--sam", type=Path, default=ROOT / ".venv-sam" / "bin" / "sam")
    parser.add_argument("--build-dir", type=Path, default=ROOT / ".aws-sam" / "build")
    return parser


def _report(status: int, *sentences: str) -> int:
    for sentence in sentences:
        print(f"stemdrop: {sentence}", file=sys.stderr)
    return status


def _deploy(deployment: DeploymentPlan, parsed: argparse.Namespace) -> None:
    _run_sam(deployment, [parsed.sam, "build", "--build-dir", parsed.build_dir], {})
    template = ["--template-file", parsed.build_dir / "template.yaml"]
    token = choose_token(deployment, is_new_wanted=parsed.new_token)
    if secret := os.environ.get("WEBHOOK_SECRET"):
        token["WebhookSecret"] = secret
    _run_sam(deployment, [parsed.sam, "deploy", *template, *deployment.options], token)
    print(_outputs(deployment))


def choose_token(deployment: DeploymentPlan, *, is_new_wanted: bool) -> dict[str, str]:
    """Return the access token to set; a stack keeps the one that it has."""
    if deployment.values["JwtIssuer"]:
        return {TOKEN: ""}
    has_token = deployment.stack.parameters.get("JwtIssuer") == ""
    return {} if has_token and not is_new_wanted else {TOKEN: secrets.token_urlsafe(32)}


def _run_sam(deployment: DeploymentPlan, command: list[str | Path], secret: dict[str, str]) -> None:
    hidden = {"SAM_DEBUG", "WEBHOOK_SECRET"}  # with SAM_DEBUG, SAM logs all parameters
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    # The build of the API needs uv, which is installed next to Python.
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with parameters.written({**deployment.values, **secret}) as url:
        options = ["--region", deployment.region, "--parameter-overrides", url]
        run = subprocess.run([*command, *options], cwd=ROOT, env=variables, check=False)
    if run.returncode:
        raise SetupError(f"`sam {command[1]}` failed with exit status {run.returncode}.")


def _outputs(deployment: DeploymentPlan) -> str:
    outputs = find_stack(deployment.name, deployment.region).outputs
    of_stack = f"STACK={deployment.name} REGION={deployment.region}"
    lines = [
        f"\n{deployment.name} is deployed.",
        f"  page and API    {outputs.get('ApiUrl')}",
        f"  drop a song     {outputs.get('DropCommand')}",
        f"  show the logs   make logs {of_stack}",
    ]
    if not deployment.values["JwtIssuer"]:
        lines.append(f"  show the token  make -s token {of_stack}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
