from dataclasses import replace

import pytest

from stemdrop.errors import (
    EmptyAudioError,
    NotAudioError,
    StemdropError,
    TimedOutError,
    TransientError,
)
from stemdrop_separate.audio.decode_result import DecodeResult, check_decoding

WHOLE = DecodeResult(0, "", decoded_s=100.0, announced_s=100.0, file_duration_s=100.0)


def test_whole_song_has_no_warnings() -> None:
    assert check_decoding(WHOLE) == ()
    assert check_decoding(replace(WHOLE, announced_s=None, file_duration_s=None)) == ()


@pytest.mark.parametrize(("decoded_s", "is_short"), [(99.1, False), (98.9, True), (101.0, False)])
def test_song_that_ends_early_has_a_warning(decoded_s: float, is_short: bool) -> None:
    warnings = check_decoding(replace(WHOLE, decoded_s=decoded_s))
    assert bool(warnings) is is_short
    assert all("although the file announces 100.0 s" in warning for warning in warnings)


def test_warnings_count_from_the_start_of_the_file() -> None:
    part = DecodeResult(0, "bad frame", 10.0, offset_s=30.0, announced_s=70, file_duration_s=100.0)
    assert check_decoding(part) == (
        "The sound ends after 40.0 s, although the file announces 100.0 s.",
        "Parts of the file can't be read: bad frame.",
    )


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (replace(WHOLE, exit_code=-9, is_late=True), TimedOutError),
        (replace(WHOLE, exit_code=-9, is_closed=True), TransientError),
        (replace(WHOLE, exit_code=-9), TransientError),
        (replace(WHOLE, exit_code=1, message="Cannot allocate memory"), TransientError),
        (replace(WHOLE, exit_code=1), NotAudioError),
        (replace(WHOLE, message="no frame", decoded_s=0.0), NotAudioError),
        (replace(WHOLE, decoded_s=0.0), EmptyAudioError),
    ],
    ids=lambda value: "" if isinstance(value, DecodeResult) else value.__name__,
)
def test_unusable_song_is_an_error(result: DecodeResult, error: type[StemdropError]) -> None:
    with pytest.raises(error):
        check_decoding(result)
