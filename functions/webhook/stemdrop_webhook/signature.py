"""Signatures of webhooks.

Source: Standard Webhooks 1.0.0, "Webhook metadata" and "Symmetric signatures".
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signed_headers(
    event_id: str, body: bytes, sent_at_s: int, secrets: Sequence[bytes]
) -> dict[str, str]:
    """Return the headers of a webhook, with one signature for each secret.

    Parameters
    ----------
    event_id : ID of the event, the same in each attempt.
    sent_at_s : Time of this attempt, in seconds since 1970.
    """
    content = f"{event_id}.{sent_at_s}.".encode() + body
    digests = [hmac.digest(secret, content, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(digest).decode()}" for digest in digests
        ),
    }
