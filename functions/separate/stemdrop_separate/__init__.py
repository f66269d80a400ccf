"""The separator: a song becomes stems, in a function, on the command line or in Python."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemdrop_separate.separator import Separator

__all__ = ["Separator"]

# Newer releases of ONNX Runtime send usage reports to Microsoft, unless they find this when loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # noqa: TID251  # nothing is read


def __getattr__(name: str) -> object:
    """Import `Separator` on use: the function doesn't need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stemdrop_separate import separator

    return separator.Separator
