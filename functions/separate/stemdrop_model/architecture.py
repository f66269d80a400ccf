"""What Spleeter's networks look like: the settings of its configurations that matter here.

Source: the files <model>.json under spleeter/resources and model/functions/unet.py of Spleeter
2.4.2. The tests compare this table with those files.
"""

from dataclasses import dataclass

from stemdrop_model.errors import CheckpointError

# Frames of a segment, bins of either bandwidth and channels: "T", "F" and "n_channels".
FRAMES = 512
BINS = {"11kHz": 1024, "16kHz": 1536}
CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a model estimates its instruments, each with a U-Net of its own.

    Attributes
    ----------
    instruments : Names of the stems, in the order of their variables in the checkpoint.
    encoder_activation : ``LeakyReLU`` or ``ELU``; "conv_activation" of the configuration.
    decoder_activation : ``ReLU`` or ``ELU``; "deconv_activation" of the configuration.
    softmax : Whether the masks of all instruments add up to 1 ("unet.softmax_unet"), or each of
        them is a sigmoid of its own ("unet.unet").
    """

    instruments: tuple[str, ...]
    encoder_activation: str
    decoder_activation: str
    softmax: bool


ARCHITECTURES = {
    "2stems": Architecture(("vocals", "accompaniment"), "LeakyReLU", "ReLU", softmax=False),
    "4stems": Architecture(("vocals", "drums", "bass", "other"), "ELU", "ELU", softmax=False),
    "5stems": Architecture(
        ("vocals", "piano", "drums", "bass", "other"), "ELU", "ELU", softmax=True
    ),
}


def architecture(model: str) -> Architecture:
    """Return the architecture of a model.

    Raises
    ------
    CheckpointError : Spleeter has no such model.
    """
    if model not in ARCHITECTURES:
        raise CheckpointError(f"its architecture is unknown: use one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[model]
