"""Headers of the frames of elementary streams: mp3, mp2, AAC, AC-3, E-AC-3, DTS and TrueHD."""

import mmap
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

# Sources: ISO/IEC 11172-3 and 13818-3, 2.4.2.3; kbit/s by version and layer.
_MPEG_2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_KBPS = {
    (3, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    **{(version, layer): _MPEG_2_KBPS for version in (0, 2) for layer in (2, 3)},
}
_MPEG_RATES_HZ = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
# Source: ISO/IEC 14496-3, 1.6.3.4.
_AAC_RATES_HZ = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)
# Source: ETSI TS 102 366, 4.4.1 and E.1.3.1.
_AC3_RATES_HZ = (48_000, 44_100, 32_000)
_AC3_KBPS = (
    *(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
)
_EAC3_BLOCKS = (1, 2, 3, 6)
_EAC3_DEPENDENT = 1
# Source: ETSI TS 102 114, 5.3.1, table 5-5; 0 is reserved.
_DTS_RATES_HZ = (
    *(0, 8_000, 16_000, 32_000, 0, 0, 11_025, 22_050, 44_100),
    *(0, 0, 12_000, 24_000, 48_000, 0, 0),
)
_DTS_SYNC, _DTS_EXTENSION_SYNC = b"\x7f\xfe\x80\x01", b"\x64\x58\x20\x25"
# Source: Dolby TrueHD (MLP) high-level bitstream description, 3 and 4: a major sync of one of two
# formats is behind the four bytes of an access unit's header, at least once in 128 units.
_MLP_SYNC = re.compile(rb"\xf8\x72\x6f[\xba\xbb]")
_MLP_SYNC_AT = 4
_MLP_MOST_UNITS = 128
_MLP_PARITY = 0xA9
_SYNC = re.compile(
    rb"\xff[\xe2-\xff]|\x56[\xe0-\xff]|\x0b\x77|\x7f\xfe\x80\x01|" + _MLP_SYNC.pattern
)
HEADER_BYTES = 10

Data = bytes | mmap.mmap
Kind = tuple[str, int, int]


class Frame(NamedTuple):
    """A frame by its header.

    Attributes
    ----------
    header_bytes, size_bytes : Size of the header, and of the whole frame.
    kind : Codec, version and rate: what all frames of a stream have in common.
    samples : Number of samples.
    """

    header_bytes: int
    size_bytes: int
    kind: Kind
    samples: int


def possible_frames(data: Data, at: int) -> Iterator[int]:
    """Yield where frames may begin, from a position on."""
    for match in _SYNC.finditer(data, at):
        before = _MLP_SYNC_AT if match[0][0] == 0xF8 else 0
        if match.start() - before >= at:
            yield match.start() - before


def find_frame(data: Data, at: int) -> Frame | None:
    """Return the frame whose header is at a position, if there is one."""
    head = data[at : at + HEADER_BYTES]
    if len(head) < HEADER_BYTES:
        return None
    if head[0] == 0xFF:
        return _mpeg_frame(head[1], head[2]) if head[1] & 6 else _adts_frame(head)
    if head[0] == 0x56:
        return _loas_frame(head)
    if head[:2] == b"\x0b\x77":
        return _ac3_frame(head) if head[5] >> 3 <= 10 else _eac3_frame(head)
    return _dts_frame(data, at) if head.startswith(_DTS_SYNC) else _mlp_frame(data, at)


@lru_cache(4096)
def _mpeg_frame(first: int, second: int) -> Frame | None:
    version, layer = first >> 3 & 3, 4 - (first >> 1 & 3)
    bitrate, rate = second >> 4, second >> 2 & 3
    is_valid = first & 0xE0 == 0xE0 and (version, layer) in _MPEG_KBPS
    if not is_valid or bitrate in {0, 15} or rate == 3:
        return None
    rate_hz = _MPEG_RATES_HZ[version][rate]
    samples = 576 if layer == 3 and version != 3 else 1152
    kbps = _MPEG_KBPS[version, layer][bitrate]
    size_bytes = samples // 8 * kbps * 1000 // rate_hz + (second >> 1 & 1)
    return Frame(4, size_bytes, (f"mp{layer}", version, rate_hz), samples)


def _adts_frame(head: bytes) -> Frame | None:
    rate, size_bytes = head[2] >> 2 & 15, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if head[1] & 0xF0 != 0xF0 or rate >= len(_AAC_RATES_HZ) or size_bytes < 7:
        return None
    return Frame(7, size_bytes, ("aac", head[1] & 8, _AAC_RATES_HZ[rate]), 1024)


def _loas_frame(head: bytes) -> Frame | None:
    """Return a frame of AAC in LATM, of which only some say their rate. Source: 1.7.2."""
    if head[1] & 0xE0 != 0xE0:
        return None
    return Frame(3, ((head[1] & 0x1F) << 8 | head[2]) + 3, ("aac_latm", 0, 0), 1024)


def _ac3_frame(head: bytes) -> Frame | None:
    rate, size = head[4] >> 6, head[4] & 63
    if rate == 3 or size >= 2 * len(_AC3_KBPS):
        return None
    rate_hz, kbps = _AC3_RATES_HZ[rate], _AC3_KBPS[size >> 1]
    words = kbps * 96_000 // rate_hz + (size & 1 if rate == 1 else 0)
    return Frame(7, 2 * words, ("ac3", head[5] >> 3, rate_hz), 1536)


def _eac3_frame(head: bytes) -> Frame | None:
    rate, blocks = head[4] >> 6, _EAC3_BLOCKS[head[4] >> 4 & 3]
    if head[5] >> 3 > 16 or rate == 3:
        return None
    is_dependent = head[2] >> 6 == _EAC3_DEPENDENT
    size_bytes = 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    samples = 0 if is_dependent else 256 * blocks
    return Frame(6, size_bytes, ("eac3", 16, _AC3_RATES_HZ[rate]), samples)


def _dts_frame(data: Data, at: int) -> Frame | None:
    """Return a frame of 16-bit words, high byte first, with its extension."""
    fields = int.from_bytes(data[at + 4 : at + 10])
    blocks, size_bytes = (fields >> 34 & 0x7F) + 1, (fields >> 20 & 0x3FFF) + 1
    rate_hz = _DTS_RATES_HZ[fields >> 10 & 0xF]
    if not rate_hz or blocks < 6 or size_bytes < 96:
        return None
    whole_bytes = size_bytes + _dts_extension_bytes(data, at + size_bytes)
    return Frame(10, whole_bytes, ("dts", 0, rate_hz), 32 * blocks)


def _mlp_frame(data: Data, at: int) -> Frame | None:
    """Return the access units from a major sync to the next one, as a decoder needs the first."""
    if len(data) < at + 32 or not _MLP_SYNC.match(data[at + 4 : at + 8]):
        return None
    is_truehd = data[at + 7] == 0xBA
    rate, substreams = data[at + 8 if is_truehd else at + 9] >> 4, data[at + 20] >> 4
    extension_bytes = 2 + 2 * (data[at + 30] >> 4) if is_truehd and data[at + 29] & 1 else 0
    directory_at = _MLP_SYNC_AT + 28 + extension_bytes
    end, units = at, 0
    while end < len(data) and not (units and _MLP_SYNC.match(data[end + 4 : end + 8])):
        size_bytes = 2 * int.from_bytes(data[end : end + 2]) & 0x1FFE
        unit = data[end : end + size_bytes]
        if units == _MLP_MOST_UNITS or not _mlp_unit_is_whole(unit, directory_at, substreams):
            return None
        directory_at = _MLP_SYNC_AT
        end += size_bytes
        units += 1
    if not substreams or end > len(data) or rate & 7 > 2:
        return None
    rate_hz = (44_100 if rate & 8 else 48_000) << (rate & 7)
    return Frame(_MLP_SYNC_AT, end - at, ("mlp", is_truehd, rate_hz), units * (40 << (rate & 7)))


def _mlp_unit_is_whole(unit: bytes, at: int, substreams: int) -> bool:
    """Tell whether the parity of each of an access unit's substreams is right."""
    entries = []
    for _ in range(substreams):
        entries.append(int.from_bytes(unit[at : at + 2]))
        at += 4 if entries[-1] & 0x8000 else 2
    start = at
    for entry in entries:
        end = at + 2 * (entry & 0xFFF)
        if not start < end <= len(unit):
            return False
        checked = np.frombuffer(unit, np.uint8, end - 1 - start, start)
        if entry & 0x2000 and np.bitwise_xor.reduce(checked) != _MLP_PARITY:
            return False
        start = end
    return True


def _dts_extension_bytes(data: Data, at: int) -> int:
    """Return the size of an extension substream, zero if there is none. Source: 7.4.1."""
    head = data[at : at + 10]
    if len(head) < 10 or not head.startswith(_DTS_EXTENSION_SYNC):
        return 0
    fields = int.from_bytes(head[5:])
    is_long = fields >> 37 & 1
    return (fields >> 5 & 0xFFFFF if is_long else fields >> 13 & 0xFFFF) + 1
