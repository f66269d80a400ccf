"""Lyrics of songs that are separated on this machine, as files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from stemdrop.errors import LyricsUnavailableError, ModelUnavailableError
from stemdrop.lyrics import WHISPER_FOLDER, LyricsFormat, Transcription, require_language
from stemdrop.lyrics_files import write_lyrics
from stemdrop.options import Options
from stemdrop_separate.atomic_files import unfinished
from stemdrop_separate.lyrics.whisper import Whisper

if TYPE_CHECKING:
    from stemdrop_model.sources import OnProgress

DEFAULT_WHISPER = "tiny.en"


def require_lyrics(language: str | None, name: str = DEFAULT_WHISPER) -> None:
    """Refuse lyrics that this installation can't write.

    Parameters
    ----------
    language : ISO 639 code; None if it has to be detected.
    name : Name of the Whisper model.

    Raises
    ------
    LyricsUnavailableError : faster-whisper isn't installed.
    LanguageUnavailableError : The model doesn't know the language.
    """
    if not find_spec("faster_whisper"):
        raise LyricsUnavailableError(
            'Lyrics need faster-whisper: install it with `pip install "stemdrop[lyrics]"`, or in a'
            " checkout with `make setup LYRICS=tiny.en`."
        )
    require_language(language, name, "leave language out, or use a model of all languages")


def find_whisper(
    name: str, model_dir: Path | None, on_progress: "OnProgress" = lambda *_: None
) -> Path:
    """Return the folder of a Whisper model, and fetch a pinned one if it isn't there.

    Parameters
    ----------
    model_dir : Folder of the models, into which nothing is fetched; None for the user's.

    Raises
    ------
    ModelUnavailableError : The model isn't there, or can't be fetched.
    """
    from stemdrop_model.errors import ModelError
    from stemdrop_model.install import default_folder
    from stemdrop_model.whisper import install_whisper, is_whisper

    if model_dir:
        if is_whisper(folder := model_dir / WHISPER_FOLDER / name):
            return folder
        raise ModelUnavailableError(f"There is no Whisper model in {folder}.")
    models = default_folder()
    try:
        return install_whisper(name, models, models / WHISPER_FOLDER, on_progress)
    except (ModelError, OSError) as error:
        raise ModelUnavailableError(str(error)) from error


@dataclass(frozen=True, slots=True)
class LyricsWriter:
    """Writes lyrics with a Whisper model.

    Attributes
    ----------
    engine : Name of the engine, as in job records.
    """

    whisper: Whisper
    engine: str
    ffmpeg: Path

    def write(
        self,
        vocals: Path,
        paths: Mapping[LyricsFormat, Path],
        options: Options,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Transcription:
        """Write the lyrics of separated vocals; without words, there are no files.

        Parameters
        ----------
        vocals : Path of what `separate_song` wrote as `vocals_file`.
        on_progress : Function that takes the share that is done, 0 to 1.

        Raises
        ------
        LyricsError : The transcription failed.
        OptionError : The folder is not writable.
        """
        transcription = self.whisper.transcribe(
            vocals,
            self.ffmpeg,
            language=options.language,
            offset_s=options.offset_s,
            on_progress=on_progress,
        )
        if files := write_lyrics(transcription, self.engine):
            with unfinished({kind.filename: paths[kind] for kind in files}) as parts:
                for kind, content in files.items():
                    parts[kind.filename].write_bytes(content)
        return transcription
