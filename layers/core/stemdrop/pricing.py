"""Prices of AWS."""

# Source: AWS Lambda's price list for us-east-1, first tier, per GB-second.
USD_PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
