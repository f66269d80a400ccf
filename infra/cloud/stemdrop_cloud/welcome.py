"""What people are told once a stack is deployed."""

import shlex

from stemdrop_cloud.access_token import TokenFile
from stemdrop_cloud.account import Stack
from stemdrop_cloud.configuration import ROOT

NO_FILE = (
    "aws lambda get-function-configuration --region {region} --function-name {function}"
    " --query Environment.Variables.ACCESS_TOKEN --output text"
)


def welcome(stack: Stack, token: TokenFile | None, region: str) -> str:
    """Return addresses, the command that shows the token, and three commands to try.

    Parameters
    ----------
    token : where the token is kept; None if users come with JSON web tokens.
    """
    outputs = stack.outputs
    url, bucket = outputs.get("ApiUrl", ""), outputs.get("UploadsBucket", "")
    show = _show_token(stack, token, region)
    lines = [
        f"\n{stack.name} is deployed.",
        f"  page and API   {url}",
        f"  drop folder    s3://{bucket}/drop/",
        f"  token          {show}" if show else "  who gets in    users of your JwtIssuer",
        "\nTry:",
        f"  {_submit(url, show)}",
        f"  aws s3 cp song.mp3 s3://{bucket}/drop/ --region {region}",
        f"  make logs STACK={stack.name} REGION={region} FOLLOW=1",
    ]
    return "\n".join(lines)


def _submit(url: str, show: str) -> str:
    if not show:
        return f"curl {url}/healthz"
    return f'STEMDROP_TOKEN="$({show})" .venv/bin/stemdrop submit song.mp3 --url {url}'


def _show_token(stack: Stack, token: TokenFile | None, region: str) -> str:
    if token is None:
        return ""
    if token.path.exists():
        path = token.path.relative_to(ROOT) if token.path.is_relative_to(ROOT) else token.path
        return f"cat {shlex.quote(str(path))}"
    return NO_FILE.format(region=region, function=stack.outputs.get("ApiFunction", ""))
