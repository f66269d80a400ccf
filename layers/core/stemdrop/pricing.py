"""Prices of AWS."""

# Source: AWS Lambda's price list for us-east-1, first tier, per GB-second.
USD_PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}

# Source: Amazon Transcribe's price list for us-east-1, first tier, standard batch transcription. It
# is billed by the second, at least 15 of them.
USD_PER_TRANSCRIBED_MINUTE = 0.024
MIN_TRANSCRIBED_S = 15.0


def transcription_cost_usd(duration_s: float) -> float:
    """Return the price of Amazon Transcribe for a song."""
    return round(max(duration_s, MIN_TRANSCRIBED_S) / 60 * USD_PER_TRANSCRIBED_MINUTE, 6)
