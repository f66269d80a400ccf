import pytest

from stemdrop.codecs import CODECS, Codec
from stemdrop.models import MODELS, Model
from stemdrop_separate.audio.encoder_arguments import codec_arguments


def test_every_codec_and_model_has_a_row() -> None:
    assert list(CODECS) == list(Codec)
    assert list(MODELS) == list(Model)


@pytest.mark.parametrize(
    ("codec", "bitrate", "bit_depth", "chosen"),
    [
        (Codec.WAV, None, "32f", ["-c:a", "pcm_f32le"]),
        (Codec.WAV, None, None, ["-c:a", "pcm_s16le"]),
        (Codec.MP3, "64k", None, ["-b:a", "64k"]),
        (Codec.MP3, None, None, ["-b:a", "192k"]),
    ],
)
def test_arguments_choose_bit_depth_or_bitrate(
    codec: Codec, bitrate: str | None, bit_depth: str | None, chosen: list[str]
) -> None:
    arguments = codec_arguments(codec, bitrate, bit_depth)
    at = arguments.index(chosen[0])
    assert arguments[at : at + 2] == chosen
