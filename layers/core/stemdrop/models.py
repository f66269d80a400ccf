"""Spleeter's models: one member and one row each."""

from dataclasses import dataclass
from enum import StrEnum


class Model(StrEnum):
    """Spleeter's networks; the 16 kHz ones use the same weights up to 16 kHz instead of 11 kHz."""

    TWO_STEMS = "2stems"
    FOUR_STEMS = "4stems"
    FIVE_STEMS = "5stems"
    TWO_STEMS_16KHZ = "2stems-16kHz"
    FOUR_STEMS_16KHZ = "4stems-16kHz"
    FIVE_STEMS_16KHZ = "5stems-16kHz"

    @property
    def spec(self) -> "ModelSpec":
        """Return the model's row."""
        return MODELS[self]

    @property
    def weights(self) -> str:
        """Return the name of the model's weights, such as ``2stems``."""
        return self.spec.weights

    @property
    def instruments(self) -> tuple[str, ...]:
        """Return the stems of the model, in Spleeter's order."""
        return self.spec.instruments


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Description of a model.

    Attributes
    ----------
    label : Label for people.
    weights : Name of the weights, which several models may share.
    instruments : Stems in Spleeter's order.
    bins : Number of frequency bins that the network sees, from 0 Hz up.
    """

    label: str
    weights: str
    instruments: tuple[str, ...]
    bins: int


# Source: "instrument_list" and "F" of the configurations that Spleeter 2.4.2 ships. 1,024 bins are
# 11 kHz of 22.05, and 1,536 are 16.5 kHz.
_TWO = ("vocals", "accompaniment")
_FOUR = ("vocals", "drums", "bass", "other")
_FIVE = ("vocals", "piano", "drums", "bass", "other")
MODELS = {
    Model.TWO_STEMS: ModelSpec("2 stems", "2stems", _TWO, 1024),
    Model.FOUR_STEMS: ModelSpec("4 stems", "4stems", _FOUR, 1024),
    Model.FIVE_STEMS: ModelSpec("5 stems", "5stems", _FIVE, 1024),
    Model.TWO_STEMS_16KHZ: ModelSpec("2 stems, up to 16 kHz", "2stems", _TWO, 1536),
    Model.FOUR_STEMS_16KHZ: ModelSpec("4 stems, up to 16 kHz", "4stems", _FOUR, 1536),
    Model.FIVE_STEMS_16KHZ: ModelSpec("5 stems, up to 16 kHz", "5stems", _FIVE, 1536),
}
# Weights to their instruments.
INSTRUMENTS = {spec.weights: spec.instruments for spec in MODELS.values()}
