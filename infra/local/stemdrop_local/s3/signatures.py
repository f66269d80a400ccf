"""Signature Version 4, checked as S3 checks it: in URLs, in headers, and of the policies of forms.

Sources: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference, with
its pages on query parameters, the Authorization header and browser-based uploads.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stemdrop_local.s3.canonical import Request, canonical_request
from stemdrop_local.s3.refusals import RefusedError, malformed

ALGORITHM = "AWS4-HMAC-SHA256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
UNSIGNED = "UNSIGNED-PAYLOAD"
# A client's clock may differ from S3's by so much.
SKEW = timedelta(minutes=15)
MAX_EXPIRES_S = 7 * 24 * 3600
QUERY_ERROR = "AuthorizationQueryParametersError"
QUERY_PARAMETERS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential=(?P<credential>[^, ]+), *"
    r"SignedHeaders=(?P<signed_headers>[^, ]+), *Signature=(?P<signature>[^, ]+)"
)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs requests for the buckets behind a door.

    Attributes
    ----------
    token : that temporary credentials of the signer come with.
    """

    access_key: str
    secret_key: str
    token: str
    region: str

    def check_url(self, request: Request, now: datetime) -> None:
        """Check a request whose signature is in its query.

        Raises
        ------
        RefusedError : it isn't ours, has been changed, or has expired.
        """
        given = _only_once(request.parameters)
        self._require(given["X-Amz-Credential"], given["X-Amz-Date"], QUERY_ERROR)
        self._require_token(given.get("X-Amz-Security-Token"))
        _require_time(given["X-Amz-Date"], given["X-Amz-Expires"], now)
        signed_headers = given["X-Amz-SignedHeaders"]
        canonical = canonical_request(request, signed_headers, UNSIGNED)
        self._compare(canonical, given["X-Amz-Date"], given["X-Amz-Signature"])

    def check_header(self, request: Request, now: datetime) -> None:
        """Check a request whose signature is in its Authorization header.

        The hash of the body that was signed is not compared with the body.

        Raises
        ------
        RefusedError : it isn't ours, has been changed, or was made at another time.
        """
        code = "AuthorizationHeaderMalformed"
        match = AUTHORIZATION.fullmatch(request.headers["authorization"])
        if not match:
            raise malformed(code, "The authorization header is malformed.")
        date = request.headers.get("x-amz-date", "")
        self._require(match["credential"], date, code)
        self._require_token(request.headers.get("x-amz-security-token"))
        if abs(_moment(date, code) - now) > SKEW:
            message = "The difference between the request time and the current time is too large."
            raise RefusedError("RequestTimeTooSkewed", message)
        payload = request.headers.get("x-amz-content-sha256")
        if payload is None:
            raise malformed(
                "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"
            )
        canonical = canonical_request(request, match["signed_headers"], payload)
        self._compare(canonical, date, match["signature"])

    def check_form(self, fields: Mapping[str, str]) -> None:
        """Check the signature of a form's policy; what the policy says is another matter.

        Parameters
        ----------
        fields : names in lower case.

        Raises
        ------
        RefusedError : it isn't ours, or has been changed.
        """
        if fields.get("x-amz-algorithm") != ALGORITHM:
            raise malformed("InvalidArgument", f"X-Amz-Algorithm only supports {ALGORITHM!r}")
        date = fields.get("x-amz-date", "")
        self._require(fields.get("x-amz-credential", ""), date, "InvalidArgument")
        self._require_token(fields.get("x-amz-security-token"))
        ours = self._sign(fields["policy"], date)
        _require_equal(ours, fields.get("x-amz-signature", ""))

    def _require(self, credential: str, date: str, code: str) -> None:
        """Check a credential: access key, day, region, service and the word that ends it."""
        _moment(date, code)
        parts = credential.split("/")
        if len(parts) != 5 or parts[3:] != ["s3", "aws4_request"]:
            expected = '"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request"'
            raise malformed(code, f"The Credential is mal-formed; expecting {expected}.")
        access_key, day, region, *_ = parts
        if access_key != self.access_key:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise RefusedError("InvalidAccessKeyId", message, AWSAccessKeyId=access_key)
        if day != date[:8]:
            raise malformed(code, f"Invalid credential date {day!r}: this is not {date!r}.")
        if region != self.region:
            message = f"the region {region!r} is wrong; expecting {self.region!r}"
            raise malformed(code, f"The Credential is mal-formed; {message}", Region=self.region)

    def _require_token(self, token: str | None) -> None:
        if token not in {None, self.token}:
            message = "The provided token is malformed or otherwise invalid."
            raise malformed("InvalidToken", message)

    def _compare(self, canonical: str, date: str, signature: str) -> None:
        scope = f"{date[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        _require_equal(self._sign(f"{ALGORITHM}\n{date}\n{scope}\n{digest}", date), signature)

    def _sign(self, text: str, date: str) -> str:
        key = f"AWS4{self.secret_key}".encode()
        for part in (date[:8], self.region, "s3", "aws4_request", text):
            key = hmac.digest(key, part.encode(), "sha256")
        return key.hex()


def _only_once(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    given = list(parameters)
    names = [name for name, _ in given]
    if any(names.count(name) != 1 for name in QUERY_PARAMETERS):
        message = (
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters."
        )
        raise malformed(QUERY_ERROR, message)
    values = dict(given)
    if values["X-Amz-Algorithm"] != ALGORITHM:
        message = f'X-Amz-Algorithm only supports "{ALGORITHM}"'
        raise malformed(QUERY_ERROR, message)
    return values


def _require_time(date: str, expires: str, now: datetime) -> None:
    if not re.fullmatch(r"[0-9]{1,6}", expires) or int(expires) > MAX_EXPIRES_S:
        raise malformed(QUERY_ERROR, f"X-Amz-Expires must be a number, up to {MAX_EXPIRES_S}")
    begins_at = _moment(date, QUERY_ERROR)
    ends_at = begins_at + timedelta(seconds=int(expires))
    if now < begins_at - SKEW:
        raise RefusedError("AccessDenied", "Request is not yet valid")
    if now > ends_at:
        raise RefusedError(
            "AccessDenied",
            "Request has expired",
            Expires=ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )


def _moment(date: str, code: str) -> datetime:
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date):
        raise malformed(code, "X-Amz-Date must be formatted via ISO8601 Long format")
    try:
        return datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise malformed(code, "X-Amz-Date must be formatted via ISO8601 Long format") from error


def _require_equal(ours: str, given: str) -> None:
    if not hmac.compare_digest(ours.encode(), given.encode("utf-8", "surrogateescape")):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise RefusedError("SignatureDoesNotMatch", message)
