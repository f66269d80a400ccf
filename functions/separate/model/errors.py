"""The errors of fetching and exporting; each message is one sentence for people.

ModelError
├── FetchError   no source gives the pinned weights
└── ExportError  the exported networks are not the network that was trained

They are no part of `stemdrop.errors`, as this package shares no code with the function: a change
there must not build the models anew.
"""


class ModelError(Exception):
    """Root of what goes wrong before a model can be used."""


class FetchError(ModelError):
    """The weights can't be had, or aren't the pinned ones."""


class ExportError(ModelError):
    """The network can't be restored, or an exported one gives other results."""
