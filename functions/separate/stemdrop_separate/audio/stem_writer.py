"""Writer of all stems of a song, each by an encoder of its own."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemdrop.options import Options
from stemdrop_separate.audio.cover import CoverArt
from stemdrop_separate.audio.encode import EncodedStem, Encoder, StemMetadata
from stemdrop_separate.audio.tags import Tags, stem_title

Block = Mapping[str, NDArray[np.float32]]


class StemWriter:
    """Encodes all stems of a song at the same time.

    Parameters
    ----------
    targets : Stem to the path of its file.
    options : Options with codec, bitrate and bit depth.
    ffmpeg : Path of the program.
    tags : Tags of the song.
    name : Name of the song's file, for a song without a title.
    cover : Cover of the song.
    """

    def __init__(
        self,
        targets: Mapping[str, Path],
        options: Options,
        ffmpeg: Path,
        tags: Tags,
        name: str,
        cover: CoverArt | None = None,
    ) -> None:
        self._targets = targets
        self._options = options
        self._ffmpeg = ffmpeg
        self._tags = tags.part(options.offset_s, options.duration_s)
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
        options = self._options
        return Encoder(
            path,
            self._ffmpeg,
            options.codec,
            options.bitrate,
            options.bit_depth,
            StemMetadata(
                self._tags,
                stem_title(options.title_format, self._tags, self._name, stem),
                self._cover,
            ),
            stem,
        )
