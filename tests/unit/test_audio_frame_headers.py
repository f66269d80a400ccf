from hypothesis import given
from hypothesis import strategies as st

from stemdrop_separate.audio.frame_headers import find_frame, possible_frames

SYNCS = (b"\xff\xfb", b"\xff\xf1", b"\x56\xe0", b"\x0b\x77", b"\x7f\xfe\x80\x01")
MLP_SYNCS = (b"\xf8\x72\x6f\xba", b"\xf8\x72\x6f\xbb")


@given(st.sampled_from(MLP_SYNCS), st.binary(min_size=4, max_size=4), st.binary(max_size=80))
def test_frame_of_truehd_has_bytes_or_is_none(sync: bytes, head: bytes, rest: bytes) -> None:
    for data in (head + sync + rest, bytes(4) + sync + bytes(80)):
        frame = find_frame(data, 0)
        assert frame is None or frame.size_bytes > 0


@given(st.lists(st.sampled_from((*SYNCS, *MLP_SYNCS, bytes(9))), max_size=9))
def test_possible_frames_begin_at_the_position_or_later(parts: list[bytes]) -> None:
    data = b"".join(parts)
    for at in (0, 5):
        assert all(start >= at for start in possible_frames(data, at))
