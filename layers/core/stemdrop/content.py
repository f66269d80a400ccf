"""The content index: the same bytes with the same options are never separated twice."""

import hashlib
import json

from stemdrop.options import Options

# Raise it when equal bytes and options no longer mean equal stems.
VERSION = 1


def digest(sha256: str, options: Options) -> str:
    """Return the name under which results are found again, in hex.

    Parameters
    ----------
    sha256 : of the song's bytes, in hex.
    options : all of them count.
    """
    described = {"version": VERSION, "sha256": sha256, "options": options.to_json()}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
