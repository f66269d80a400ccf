"""What can go wrong between this machine and AWS, and the exit status that it means.

SetupError
└── CloudError             1  something failed on the way; the message says what, and what to do
    ├── UnpreparedError    2  a prerequisite or an argument is wrong: nothing was changed
    ├── UnreachableError   3  AWS can't be reached, or has no such stack
    └── DeniedError        4  AWS doesn't take the credentials, or they may not do this
"""

from typing import ClassVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from stemdrop.errors import SetupError
from stemdrop_cloud.text import in_one_line

DONE = 0
FAILED = 1
UNPREPARED = 2
UNREACHABLE = 3
DENIED = 4
INTERRUPTED = 130

NO_CREDENTIALS = (
    "There are no AWS credentials here: run `aws configure` or `aws sso login`, or set AWS_PROFILE,"
    " or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
# What AWS calls credentials that it doesn't know, or no longer.
REFUSED = {
    *("AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId"),
    *("InvalidClientTokenId", "InvalidToken", "RequestExpired", "SignatureDoesNotMatch"),
    *("UnrecognizedClientException", "InvalidSignatureException"),
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}


class CloudError(SetupError):
    """Something failed on the way."""

    code = "cloud"
    exit_status: ClassVar[int] = FAILED


class UnpreparedError(CloudError):
    """A prerequisite is missing, or an argument is wrong; nothing was changed.

    Parameters
    ----------
    problems : a sentence for each.
    """

    code = "unprepared"
    exit_status = UNPREPARED

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UnreachableError(CloudError):
    """AWS can't be reached, or has no such stack."""

    code = "unreachable"
    exit_status = UNREACHABLE


class DeniedError(CloudError):
    """AWS doesn't take the credentials, or they may not do this."""

    code = "denied"
    exit_status = DENIED


def translated(error: BotoCoreError | ClientError) -> CloudError:
    """Return what to tell people of an error of boto3."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return DeniedError(NO_CREDENTIALS)
    if isinstance(error, ProfileNotFound):
        return DeniedError(f"{in_one_line(str(error))}: AWS_PROFILE names it.")
    if isinstance(error, CredentialRetrievalError | SSOError | TokenRetrievalError):
        return DeniedError(f"The AWS credentials can't be renewed: {in_one_line(str(error))}")
    if isinstance(error, NoConnectionError | HTTPClientError):
        return UnreachableError(
            f"AWS can't be reached, or has no such region: {in_one_line(str(error))}"
        )
    return CloudError(f"AWS can't be asked: {in_one_line(str(error))}")


def code_of(error: ClientError) -> str:
    """Return AWS's name of an error."""
    return error.response.get("Error", {}).get("Code", "")


def _refusal(error: ClientError) -> CloudError:
    code = code_of(error)
    said = in_one_line(error.response.get("Error", {}).get("Message") or code)
    if code in REFUSED:
        return DeniedError(f"AWS doesn't take these credentials ({code}): renew them.")
    if code in FORBIDDEN or "AccessDenied" in code:
        return DeniedError(f"These credentials may not call {error.operation_name}: {said}")
    return CloudError(f"AWS refused {error.operation_name} ({code}): {said}")
