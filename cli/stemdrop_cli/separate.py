"""`stemdrop separate`: split songs into stems on this machine."""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stemdrop.errors import OptionError
from stemdrop.keys import VOCALS_NAME
from stemdrop.models import Model
from stemdrop.options import STEM_FILE, Options
from stemdrop_cli.arguments import add_common_arguments, parse_options
from stemdrop_cli.display import Phase, Row, open_display, print_error
from stemdrop_cli.errors import DONE, INTERRUPTED
from stemdrop_cli.inputs import find_songs, readable_songs, require_song
from stemdrop_cli.lyrics import add_model_argument, open_lyrics_writer, write_song_lyrics
from stemdrop_cli.models import download_bar
from stemdrop_cli.names import describe_replacement, displayable
from stemdrop_cli.results import SongReporter, SongResult
from stemdrop_cli.spleeter_flags import add_spleeter_flags, check_spleeter_flags, describe_setup
from stemdrop_model.install import default_folder
from stemdrop_separate.atomic_files import unfinished
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.heap import keep_freed_memory
from stemdrop_separate.lyrics.lyrics_writer import LyricsWriter
from stemdrop_separate.models.catalog import BackendName, Models
from stemdrop_separate.models.network import Network
from stemdrop_separate.output_paths import name_targets, take_lyrics
from stemdrop_separate.pipeline import separate_song
from stemdrop_separate.separator import find_models
from stemdrop_separate.time_left import TimeLeft


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_common_arguments(parser)
    add = parser.add_argument
    add_spleeter_flags(parser)
    add(
        "--backend",
        type=BackendName,
        default=BackendName.ONNX,
        choices=list(BackendName),
        help="engine of the model (default: %(default)s)",
    )
    add(
        "--model_dir",
        default=os.environ.get("MODEL_DIR"),
        metavar="DIR",
        help="folder of the models (default: MODEL_DIR, else the one of `stemdrop models`)",
    )
    add_model_argument(parser)
    add("--ffmpeg", metavar="PATH", help="ffmpeg to use (default: the one of imageio-ffmpeg)")


def run(parsed: argparse.Namespace) -> int:
    """Separate all songs, and return the exit status: 0, 1 for a failed song, or 130 after Ctrl-C.

    Raises
    ------
    OptionError : An option is invalid, no song matches, or the stems can't have these names.
    StemdropError : The model or ffmpeg is missing.
    """
    check_spleeter_flags(parsed)
    options, songs = parse_options(parsed), find_songs(parsed)
    if not songs:
        raise OptionError("There is nothing to do: name a song.")
    try:
        with readable_songs(songs) as names:
            return _separate_all(parsed, options, names)
    except KeyboardInterrupt:
        print_error("Interrupted; unfinished stems are removed.")
        return INTERRUPTED


def _separate_all(parsed: argparse.Namespace, options: Options, names: Mapping[Path, str]) -> int:
    targets = name_targets(tuple(names), parsed.output_path, parsed.filename_format, options)
    ffmpeg = find_ffmpeg(parsed.ffmpeg, "--ffmpeg")
    lyrics = open_lyrics_writer(parsed, options, ffmpeg)
    keep_freed_memory()
    models = Models(_model_dir(parsed, options.model), parsed.backend)
    network = models.load(options.model)
    status = DONE
    with open_display(quiet=parsed.quiet) as display:
        is_verbose = parsed.verbose and not parsed.quiet
        if parsed.stft_backend and not parsed.quiet:
            display.print_error("--stft_backend has no effect: the stems are the same with any.")
        for line in describe_setup(models, options.model, ffmpeg) if is_verbose else ():
            display.print_error(line)
        details = display.print_error if is_verbose else lambda _: None
        reporter = SongReporter(display, parsed.json, parsed.quiet)
        separation = _Separation(options, network, ffmpeg, lyrics, details)
        for song, paths in targets.items():
            result = SongResult(names[song], options.model)
            work = partial(separation.run, result, song, paths)
            status = max(status, reporter.run(result, work))
    return status


def _model_dir(parsed: argparse.Namespace, model: Model) -> Path:
    """Return the folder of the models; a missing model is fetched unless a folder is named."""
    if parsed.model_dir:
        return Path(parsed.model_dir)
    if parsed.backend is BackendName.TENSORFLOW:
        return default_folder()
    if parsed.quiet:
        return find_models(model)
    with download_bar(model.weights) as on_progress:
        return find_models(model, on_progress)


@dataclass(frozen=True, slots=True)
class _Separation:
    """What the separations of all songs share."""

    options: Options
    network: Network
    ffmpeg: Path
    lyrics: LyricsWriter | None
    details: Callable[[str], None]

    def run(self, result: SongResult, song: Path, paths: dict[str, Path], row: Row) -> None:
        """Write a song's stems, and then its lyrics if they are wanted."""
        require_song(song)
        replacement = describe_replacement(paths.values())
        lyrics_paths = take_lyrics(paths)
        with TemporaryDirectory(prefix="stemdrop-") if self.lyrics else nullcontext() as folder:
            vocals = Path(folder, VOCALS_NAME) if folder else None
            self._separate(result, song, paths, vocals, row)
            result.warnings += replacement
            if self.lyrics and vocals:
                result.lyrics = write_song_lyrics(
                    self.lyrics, vocals, lyrics_paths, self.options, row
                )

    def _separate(
        self,
        result: SongResult,
        song: Path,
        paths: dict[str, Path],
        vocals: Path | None,
        row: Row,
    ) -> None:
        """Write a song's stems under temporary names, and rename them once all are complete."""
        row.start(Phase.SEPARATING, 1.0)
        with unfinished(paths) as parts:
            separated = separate_song(
                song,
                parts,
                self.options,
                self.network,
                self.ffmpeg,
                vocals_file=vocals,
                on_progress=self._show_progress(row),
            )
        source = separated.source
        self.details(
            f"{displayable(result.song)}: {source.codec} in {source.container}, "
            f"{source.sample_rate_hz} Hz, {source.channels} channels, "
            f"track {source.track.number} of {len(source.tracks)}"
        )
        result.stems = {stem: path for stem, path in paths.items() if stem != STEM_FILE}
        result.stem_file, result.duration_s = paths.get(STEM_FILE), round(separated.duration_s, 6)
        result.warnings = separated.warnings
        result.gain_db, result.music = round(separated.gain_db, 2), separated.music

    def _show_progress(self, row: Row) -> Callable[[float], None]:
        began_s, time_left = time.monotonic(), TimeLeft(self.network.backend.parallel)

        def show(share: float) -> None:
            row.update(share, time_left.update(share, time.monotonic() - began_s))

        return show
