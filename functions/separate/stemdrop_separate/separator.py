"""The Python API: one model, loaded once, for waveforms, streams and files."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemdrop.errors import EmptyAudioError, ModelUnavailableError, NotFiniteError, OptionError
from stemdrop.keys import VOCALS_NAME
from stemdrop.lyrics import engine_name
from stemdrop.models import Model
from stemdrop.options import Options
from stemdrop_separate.atomic_files import unfinished
from stemdrop_separate.audio.decode import LARGEST_SAMPLE
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.lyrics.lyrics_writer import (
    DEFAULT_WHISPER,
    LyricsWriter,
    find_whisper,
    require_lyrics,
)
from stemdrop_separate.lyrics.whisper import Whisper
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.output_paths import DEFAULT_FORMAT, name_targets, require_file, take_lyrics
from stemdrop_separate.pipeline import separate_song
from stemdrop_separate.separation.separate import separate
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from stemdrop_model.sources import OnProgress

Waveform = NDArray[np.float32]


def find_models(model: Model, on_progress: "OnProgress" = lambda *_: None) -> Path:
    """Return the folder of the user's models, and fetch and build the model if it isn't there.

    Parameters
    ----------
    on_progress : Function that takes the bytes fetched so far, and all bytes if their number is
        known.

    Raises
    ------
    ModelUnavailableError : The weights can't be fetched, or the folder isn't writable.
    """
    from stemdrop_model import install, manifest
    from stemdrop_model.errors import ModelError
    from stemdrop_model.weights import pinned

    weights, folder = pinned(model.weights), install.default_folder()
    try:
        if not manifest.network_size_bytes(weights, folder):
            install.install(weights, folder, on_progress)
    except (ModelError, OSError) as error:
        raise ModelUnavailableError(str(error)) from error
    return folder


class Separator:
    """Separates songs with one model. Threads may share it.

    Parameters
    ----------
    model : Name of a model, such as ``2stems``; Spleeter's ``spleeter:2stems`` is the same.
    quality : ``spleeter``, or ``high`` for better stems in twice the network time.
    model_dir : Folder of the models. Without one, a missing model is fetched into the user's cache.
    ffmpeg : Path of ffmpeg, or its name in PATH; by default, that of imageio-ffmpeg. Only
        `separate_file` uses it.

    Raises
    ------
    OptionError : There is no such model or quality.
    ModelUnavailableError : The model isn't in the folder, or can't be fetched.
    SetupError : The named ffmpeg isn't a program that can run.
    """

    def __init__(
        self,
        model: str = Model.TWO_STEMS,
        *,
        quality: str = "spleeter",
        model_dir: str | Path | None = None,
        ffmpeg: str | Path | None = None,
    ) -> None:
        given = {"model": model.removeprefix("spleeter:"), "quality": quality}
        self._options = Options.parse(given)
        self._model_dir = Path(model_dir) if model_dir else None
        self._ffmpeg = find_ffmpeg(ffmpeg, "ffmpeg") if ffmpeg else None
        folder = self._model_dir or find_models(self._options.model)
        self._network = Models(folder).load(self._options.model)

    @property
    def stems(self) -> tuple[str, ...]:
        """Return the names of the model's stems, in Spleeter's order."""
        return self._network.instruments

    def separate(self, waveform: ArrayLike) -> dict[str, Waveform]:
        """Split a song in memory.

        Parameters
        ----------
        waveform : float32 or float64, shape (samples, 2), (samples, 1) or (samples,), nominally in
            [-1, 1], at 44,100 Hz.

        Returns
        -------
        Stem to float32, shape (samples, 2).

        Raises
        ------
        OptionError : The waveform has another shape or dtype.
        EmptyAudioError : There are no samples.
        NotFiniteError : Some samples are not numbers.
        """
        mix = _stereo(waveform)
        if not len(mix):
            raise EmptyAudioError("The waveform has no samples.")
        starts = range(0, len(mix), SAMPLE_RATE_HZ)
        parts = list(self.stream(mix[start : start + SAMPLE_RATE_HZ] for start in starts))
        return {stem: np.concatenate([part[stem] for part in parts]) for stem in self.stems}

    def stream(self, blocks: Iterable[ArrayLike]) -> Iterator[dict[str, Waveform]]:
        """Split a song of any length in constant memory.

        Parameters
        ----------
        blocks : Consecutive samples, each as in `separate`, of any lengths.

        Yields
        ------
        Consecutive samples of all stems, up to 11.9 s each, as `separate` returns them.

        Raises
        ------
        OptionError, NotFiniteError : As in `separate`.
        """
        mix = (_stereo(block) for block in blocks)
        for segment in separate(mix, self._network, quality=self._options.quality):
            yield segment.stems

    def separate_file(
        self,
        song: str | Path,
        folder: str | Path = "stems",
        filename_format: str = DEFAULT_FORMAT,
        *,
        on_progress: Callable[[float], None] = lambda _: None,
        **options: object,
    ) -> dict[str, Path]:
        """Split a file into one file per stem; if it fails, no file is left.

        Parameters
        ----------
        song : Path of any file that ffmpeg reads.
        folder : Folder of the stems.
        filename_format : Format of their paths in it, as in Spleeter.
        on_progress : Function that takes the share that is done, 0 to 1.
        options : More options of a separation, such as ``codec="mp3"`` or ``duration_s=30``; not
            another model, and not ``zip``.

        Returns
        -------
        Stem to the path of its file; the stem file, if it is wanted, is ``stem_file``. With
        ``lyrics=True``, a song with words has ``lyrics.json``, ``lyrics.lrc``, ``lyrics.vtt`` and
        ``lyrics.srt``, too.

        Raises
        ------
        OptionError : There is no such file or option, or the stems can't have these names.
        RejectedError : The song can't be separated.
        TransientError : An encoder failed.
        LyricsError : The lyrics can't be written. If the transcription failed, the stems are there.
        """
        song = Path(song)
        require_file(song)
        wanted = Options.parse(
            {"model": self._options.model, "quality": self._options.quality, **options}
        )
        self._require_possible(wanted)
        paths = name_targets([song], Path(folder), filename_format, wanted)[song]
        lyrics_paths = take_lyrics(paths)
        ffmpeg = self._ffmpeg or find_ffmpeg(None, "ffmpeg")
        writer = self._lyrics_writer(wanted, ffmpeg) if wanted.lyrics else None
        with TemporaryDirectory(prefix="stemdrop-") if writer else nullcontext() as temporary:
            vocals = Path(temporary, VOCALS_NAME) if temporary else None
            with unfinished(paths) as parts:
                separate_song(
                    song,
                    parts,
                    wanted,
                    self._network,
                    ffmpeg,
                    vocals_file=vocals,
                    on_progress=on_progress,
                )
            if writer and vocals and writer.write(vocals, lyrics_paths, wanted).words:
                paths |= {kind.filename: path for kind, path in lyrics_paths.items()}
        on_progress(1.0)
        return paths

    def _require_possible(self, options: Options) -> None:
        if options.model is not self._options.model:
            raise OptionError(
                f"This separator has the model {self._options.model}: make another one with"
                f" Separator({options.model.value!r})."
            )
        if options.zip:
            raise OptionError("Only a server makes a zip: leave zip out.")

    def _lyrics_writer(self, options: Options, ffmpeg: Path) -> LyricsWriter:
        require_lyrics(options.language)
        folder = find_whisper(DEFAULT_WHISPER, self._model_dir)
        return LyricsWriter(Whisper(folder), engine_name(DEFAULT_WHISPER), ffmpeg)

    def separate_to_file(  # noqa: PLR0913, PLR0917 - the arguments of Spleeter
        self,
        audio_descriptor: str | Path,
        destination: str | Path,
        audio_adapter: None = None,
        offset: float = 0,
        duration: float | None = None,
        codec: str = "wav",
        bitrate: str = "128k",
        filename_format: str = DEFAULT_FORMAT,
        synchronous: bool = True,  # noqa: ARG002
    ) -> None:
        """Do what Spleeter's method of this name does, but without its limit of 600 s.

        `separate_file` describes the errors. Only the default of `audio_adapter` is possible, and
        the files are complete on return with any `synchronous`.
        """
        if audio_adapter is not None:
            raise OptionError("audio_adapter can't be set: decode yourself, and use separate.")
        self.separate_file(
            audio_descriptor,
            destination,
            filename_format,
            offset_s=offset,
            duration_s=duration,
            codec=codec,
            bitrate=bitrate,
        )


def _stereo(waveform: ArrayLike) -> Waveform:
    """Return float32, shape (samples, 2); mono goes into both channels, as in Spleeter."""
    given = np.asarray(waveform)
    if given.dtype.kind != "f":
        raise OptionError(f"The waveform has the dtype {given.dtype}: use float32 in [-1, 1].")
    channels = given[:, np.newaxis] if given.ndim == 1 else given
    if channels.ndim != 2 or channels.shape[1] not in {1, 2}:
        raise OptionError(f"The waveform has the shape {given.shape}: use (samples, 2).")
    if not np.all(np.abs(channels) <= LARGEST_SAMPLE):
        raise NotFiniteError("The waveform has samples that are not a number, or infinite.")
    return np.ascontiguousarray(np.broadcast_to(channels, (len(channels), 2)), np.float32)
