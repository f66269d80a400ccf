import re

import pytest

from stemdrop.errors import NotAudioError
from stemdrop_separate.audio.downmix import to_stereo


def gains(chain: str, side: str) -> dict[str, float]:
    terms = re.search(rf"\|{side}=([^|]+)", chain)
    assert terms is not None
    pairs = (term.split("*") for term in terms[1].split("+"))
    return {name: float(gain) for gain, name in pairs}


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_mono_is_copied_to_both_channels_at_unity_gain(layout: str) -> None:
    chain = to_stereo(1 if layout == "mono" else 2, layout)
    assert gains(chain, "FL")["FC"] == gains(chain, "FR")["FC"] == 1.0
    assert gains(chain, "FL")["FL"] == gains(chain, "FR")["FR"] == 1.0


@pytest.mark.parametrize(
    ("channels", "layout", "chain"),
    [
        (1, "1 channels (FL)", "channelmap=map=0|0:channel_layout=stereo"),
        (1, "1 channels (LFE)", "channelmap=map=0|0:channel_layout=stereo"),
        (2, "2 channels (FC+LFE)", "channelmap=map=0|1:channel_layout=stereo"),
        (2, "downmix", "channelmap=map=0|1:channel_layout=stereo"),
        (2, "binaural", "channelmap=map=0|1:channel_layout=stereo"),
    ],
)
def test_one_or_two_channels_of_any_layout_are_kept(channels: int, layout: str, chain: str) -> None:
    assert to_stereo(channels, layout) == chain


def test_left_and_right_are_mirror_images() -> None:
    chain = to_stereo(6, "5.1")
    left, right = gains(chain, "FL"), gains(chain, "FR")
    assert {name.replace("L", "R"): gain for name, gain in left.items()} == right
    assert left["FC"] == left["BL"] == left["SL"] == pytest.approx(10 ** (-3.01 / 20), abs=1e-4)
    assert "LFE" not in left
    assert "BR" not in left


@pytest.mark.parametrize(
    "layout", ["5.1(side)", "7.1", "quad", "hexagonal", "22.2", "3 channels (FL+FR+LFE2)"]
)
def test_channels_of_known_layout_are_mixed_as_floats(layout: str) -> None:
    assert to_stereo(6, layout).startswith("aformat=sample_fmts=fltp,pan=stereo|")


@pytest.mark.parametrize(
    ("channels", "layout"),
    [(9, "9 channels"), (4, "ambisonic 1"), (3, "3 channels (FL+FR+UNK7)"), (6, "")],
)
def test_channels_of_unknown_layout_are_refused(channels: int, layout: str) -> None:
    with pytest.raises(NotAudioError, match=f"{channels} channels"):
        to_stereo(channels, layout)
