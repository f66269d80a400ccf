"""Lyrics in `stemdrop separate`, from the vocals of a song whose stems are written."""

import argparse
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from stemdrop.errors import LyricsError, OptionError, StemdropError
from stemdrop.lyrics import LyricsFormat, LyricsStatus, engine_name
from stemdrop.options import Options
from stemdrop_cli.display import Phase, Row
from stemdrop_cli.models import download_bar
from stemdrop_cli.results import LyricsResult
from stemdrop_separate.lyrics.lyrics_writer import (
    DEFAULT_WHISPER,
    LyricsWriter,
    find_whisper,
    require_lyrics,
)
from stemdrop_separate.lyrics.whisper import Whisper


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add the name of the Whisper model."""
    parser.add_argument(
        "--lyrics_model",
        metavar="NAME",
        help=f"Whisper model that writes the lyrics (default: {DEFAULT_WHISPER})",
    )


def open_lyrics_writer(
    parsed: argparse.Namespace, options: Options, ffmpeg: Path
) -> LyricsWriter | None:
    """Return what writes the lyrics, if they are wanted; a missing model is fetched.

    Raises
    ------
    OptionError : This installation can't write them, or a model is named without `--lyrics`.
    ModelUnavailableError : The model isn't there, or can't be fetched.
    """
    if not options.lyrics:
        if parsed.lyrics_model is not None:
            raise OptionError("lyrics_model is that of the lyrics: use it together with --lyrics.")
        return None
    name = parsed.lyrics_model or DEFAULT_WHISPER
    model_dir = Path(parsed.model_dir) if parsed.model_dir else None
    try:
        require_lyrics(options.language, name)
        with nullcontext(lambda *_: None) if parsed.quiet else download_bar(name) as on_progress:
            folder = find_whisper(name, model_dir, on_progress)
        return LyricsWriter(Whisper(folder), engine_name(name), ffmpeg)
    except LyricsError as error:
        raise OptionError(error.message) from error


def write_song_lyrics(
    writer: LyricsWriter,
    vocals: Path,
    paths: Mapping[LyricsFormat, Path],
    options: Options,
    row: Row,
) -> LyricsResult:
    """Write the lyrics of a song, and return what came of it; a failure is no error."""
    row.start(Phase.TRANSCRIBING, 1.0)
    try:
        transcription = writer.write(vocals, paths, options, row.update)
    except StemdropError as error:
        return LyricsResult(
            LyricsStatus.FAILED,
            writer.engine,
            options.language,
            code=error.code,
            reason=error.message,
        )
    words = len(transcription.words)
    return LyricsResult(
        LyricsStatus.DONE,
        writer.engine,
        transcription.language,
        words,
        dict(paths) if words else {},
    )
