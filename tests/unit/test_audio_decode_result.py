from dataclasses import replace

import pytest

from stemdrop.errors import (
    DamagedError,
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
    part = DecodeResult(
        exit_code=0,
        message="bad frame",
        decoded_s=40.0,
        offset_s=30.0,
        announced_s=70.0,
        file_duration_s=100.0,
        holes_s=((31.0, 32.5),),
    )
    assert check_decoding(part) == (
        "1.50 s of the sound is missing, and the stems are silent there: 31.00 to 32.50 s.",
        "The sound ends after 70.0 s, although the file announces 100.0 s.",
    )


def test_messages_alone_are_no_warning() -> None:
    assert check_decoding(replace(WHOLE, message="bad cover")) == ()


def test_many_holes_are_named_in_one_sentence() -> None:
    holes_s = tuple((second, second + 0.1) for second in range(20))
    (warning,) = check_decoding(replace(WHOLE, holes_s=holes_s))
    assert warning.startswith("2.00 s of the sound is missing")
    assert warning.endswith("0.00 to 0.10 s, 1.00 to 1.10 s, 2.00 to 2.10 s, …, 19.00 to 19.10 s.")


def test_video_may_be_longer_than_its_sound() -> None:
    video = replace(WHOLE, decoded_s=60.0, is_sound_alone=False)
    assert check_decoding(video) == ()
    assert len(check_decoding(replace(video, message="file ends early"))) == 1


def test_pauses_of_a_recording_are_no_damage() -> None:
    paused = replace(WHOLE, holes_s=((10.0, 90.0),))
    assert len(check_decoding(paused)) == 1
    with pytest.raises(DamagedError, match=r"80\.0 of 100\.0 s"):
        check_decoding(replace(paused, message="bad frame"))


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (replace(WHOLE, exit_code=-9, is_late=True), TimedOutError),
        (replace(WHOLE, exit_code=-9), TransientError),
        (replace(WHOLE, exit_code=1, message="Resource temporarily unavailable"), TransientError),
        (replace(WHOLE, exit_code=1, message="Cannot allocate memory"), NotAudioError),
        (replace(WHOLE, exit_code=1), NotAudioError),
        (replace(WHOLE, message="no frame", decoded_s=0.0), NotAudioError),
        (replace(WHOLE, decoded_s=0.0), EmptyAudioError),
        (replace(WHOLE, decoded_s=49.0), DamagedError),
    ],
    ids=lambda value: "" if isinstance(value, DecodeResult) else value.__name__,
)
def test_unusable_song_is_an_error(result: DecodeResult, error: type[StemdropError]) -> None:
    with pytest.raises(error):
        check_decoding(result)


CHAINED = "Sample rate change is not supported"


def test_chained_recordings_of_several_formats_are_refused() -> None:
    with pytest.raises(NotAudioError, match="several recordings"):
        check_decoding(replace(WHOLE, message=CHAINED, stopped_early=True))
    # A part that ends before the second one is whole.
    assert check_decoding(replace(WHOLE, message=CHAINED)) == ()


def test_file_that_is_not_read_to_its_end_has_a_warning() -> None:
    unread = replace(WHOLE, message="broken", announced_s=None, stopped_early=True)
    assert check_decoding(unread) == ("The file can't be read beyond 100.0 s: broken.",)
    assert check_decoding(replace(unread, announced_s=100.0)) == ()
