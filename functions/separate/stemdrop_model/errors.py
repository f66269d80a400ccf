"""The errors of fetching and building; each message is one sentence for people.

ModelError
├── FetchError       no source gives the pinned weights
├── CheckpointError  the checkpoint can't be read, or is another model's
└── ProofError       the network isn't the one that was trained

They are no part of `stemdrop.errors`, as this package shares no code with the function: a change
there must not rebuild the models.
"""


class ModelError(Exception):
    """Root of what goes wrong before a model can be used."""


class FetchError(ModelError):
    """The weights can't be had, or aren't the pinned ones."""


class CheckpointError(ModelError):
    """The checkpoint is damaged, or isn't one of this model."""


class ProofError(ModelError):
    """The network gives other results than Spleeter's, or isn't the one that was compared."""
