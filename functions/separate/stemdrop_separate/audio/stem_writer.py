"""Writer of all stems of a song, each by an encoder of its own."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemdrop.options import Channels, Options, SampleRate
from stemdrop_separate.audio.cover import CoverArt
from stemdrop_separate.audio.encode import EncodedStem, Encoder, StemFormat, StemMetadata
from stemdrop_separate.audio.probe import AudioSource
from stemdrop_separate.audio.tags import stem_title
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

Block = Mapping[str, NDArray[np.float32]]
# Name of the song itself among its stems; its title is the song's.
MIX = "mix"


class StemWriter:
    """Encodes all stems of a song at the same time.

    Parameters
    ----------
    targets : Stem to the path of its file.
    options : Options with codec, bitrate and bit depth.
    ffmpeg : Path of the program.
    source : Description of the song, with its tags.
    name : Name of the song's file, for a song without a title.
    cover : Cover of the song.
    """

    def __init__(
        self,
        targets: Mapping[str, Path],
        options: Options,
        ffmpeg: Path,
        source: AudioSource,
        name: str,
        cover: CoverArt | None = None,
    ) -> None:
        self._targets = targets
        self._options = options
        self._ffmpeg = ffmpeg
        self._tags = source.tags.part(options.offset_s, options.duration_s)
        is_own_rate = options.sample_rate is SampleRate.SOURCE
        is_mono = options.channels is Channels.SOURCE and source.channels == 1
        self._format = StemFormat(
            options.codec,
            options.bitrate,
            options.bit_depth,
            source.sample_rate_hz if is_own_rate else SAMPLE_RATE_HZ,
            1 if is_mono else 2,
        )
        self._name = name
        self._cover = cover

    @property
    def folder(self) -> Path:
        """Return the folder of the files."""
        return next(iter(self._targets.values())).parent

    def write(self, blocks: Iterable[Block]) -> dict[str, EncodedStem]:
        """Write all files, replacing those that exist; if it fails, none is left.

        Parameters
        ----------
        blocks : Every stem's next samples, float32, shape (samples, 2).

        Raises
        ------
        EncodeError : ffmpeg failed.
        NoRoomError : The disk is full.
        """
        with ExitStack() as stack:
            encoders = {
                stem: stack.enter_context(self._encoder(stem, path))
                for stem, path in self._targets.items()
            }
            for block in blocks:
                for stem, samples in block.items():
                    encoders[stem].write(samples)
            return {stem: encoder.finish() for stem, encoder in encoders.items()}

    def _encoder(self, stem: str, path: Path) -> Encoder:
        layout = "{title}" if stem == MIX else self._options.title_format
        return Encoder(
            path,
            self._ffmpeg,
            self._format,
            StemMetadata(
                self._tags,
                stem_title(layout, self._tags, self._name, stem),
                self._cover,
            ),
            stem,
        )
