"""Whisper on this machine's processors."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemdrop.errors import LanguageUnavailableError, LyricsUnavailableError
from stemdrop.lyrics import Transcription, Word
from stemdrop.lyrics_languages import SPACELESS
from stemdrop_separate.audio.vocals_file import SPEECH_RATE_HZ
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.hallucinations import drop_hallucinations
from stemdrop_separate.lyrics.time_limit import require_time
from stemdrop_separate.lyrics.vocals_reader import SpeechSamples, VocalsParts, read_vocals
from stemdrop_separate.lyrics.voice_activity import find_voice, measure_levels
from stemdrop_separate.lyrics.voice_windows import make_windows, samples_of
from stemdrop_separate.lyrics.word_times import place_words
from stemdrop_separate.models.catalog import usable_processors

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

# Fewer errors than with 1, as many as with 5, in less time.
BEAM_SIZE = 3
# A second try, if the first one is improbable or endless. Whisper's own five more tries take ten
# times as long.
TEMPERATURES = [0.0, 0.4]
# The second try draws words by chance: the same song always gets the same words.
SEED = 1
# Songs repeat themselves, so Whisper's own limit, 2.4, is far too low.
LARGEST_COMPRESSION_RATIO = 12.0
# Ends a model that is stuck. The fastest rap stays below.
TOKENS_PER_S, SPARE_TOKENS, MOST_TOKENS = 15, 16, 440
# ISO 639 code of a language to Whisper's.
WHISPER_CODES = {"jv": "jw"}


class Whisper:
    """A Whisper model of CTranslate2.

    Parameters
    ----------
    folder : Folder of the model.

    Raises
    ------
    LyricsUnavailableError : faster-whisper or the model isn't installed.
    """

    def __init__(self, folder: Path) -> None:
        self._model = _load(folder)

    def transcribe(
        self,
        vocals: Path,
        ffmpeg: Path,
        *,
        language: str | None = None,
        offset_s: float = 0.0,
        deadline: Deadline = Deadline(),  # noqa: B008
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Transcription:
        """Return the words of separated vocals.

        Memory doesn't depend on the length of the song.

        Parameters
        ----------
        vocals : Path of mono flac at 16,000 Hz.
        language : ISO 639 code; by default it is detected in the first 30 s of voice.
        offset_s : Time of the first sample on the song's clock.
        on_progress : Function that takes the share that is done, 0 to 1.

        Raises
        ------
        LanguageUnavailableError : The model doesn't know the language.
        LyricsTimedOutError : The deadline passed.
        LyricsError : The vocals can't be read.
        """
        code = self._known(language) if language else None
        activity = find_voice(measure_levels(read_vocals(vocals, ffmpeg, deadline)))
        words: list[Word] = []
        with closing(read_vocals(vocals, ffmpeg, deadline)) as blocks:
            parts = VocalsParts(blocks)
            for window in make_windows(activity.spans, activity.levels_dbfs):
                samples = np.concatenate([parts.read(samples_of(span)) for span in window.spans])
                code = code or self._detect_language(samples)
                for phrase in self._phrases(samples, code, deadline):
                    located = (window.locate(word) for word in phrase)
                    free_s = words[-1].end_s if words else 0.0
                    heard = list(place_words(located, activity.is_voiced, free_s))
                    words += drop_hallucinations(heard)
                on_progress(window.spans[-1].end / len(activity.levels_dbfs))
        on_progress(1.0)
        known = {code: iso for iso, code in WHISPER_CODES.items()}
        found = known.get(code, code) if code and words else None
        return Transcription(tuple(_in_order(words, offset_s)), found)

    def _known(self, language: str) -> str:
        """Return Whisper's code of a language."""
        code = WHISPER_CODES.get(language, language)
        model = self._model
        is_known = model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None
        if not (is_known if model.model.is_multilingual else code == "en"):
            raise LanguageUnavailableError(
                f"This Whisper model doesn't know the language {language!r}: leave language out, or"
                " install a model of all languages."
            )
        return code

    def _detect_language(self, samples: SpeechSamples) -> str:
        if not self._model.model.is_multilingual:
            return "en"
        return str(self._model.detect_language(samples)[0])

    def _phrases(
        self, samples: SpeechSamples, code: str, deadline: Deadline
    ) -> Iterator[list[Word]]:
        """Yield the words of each segment, with times in the window."""
        import ctranslate2

        require_time(deadline)
        ctranslate2.set_random_seed(SEED)
        tokens = TOKENS_PER_S * len(samples) // SPEECH_RATE_HZ + SPARE_TOKENS
        segments, _ = self._model.transcribe(
            samples,
            language=code,
            beam_size=BEAM_SIZE,
            temperature=TEMPERATURES,
            compression_ratio_threshold=LARGEST_COMPRESSION_RATIO,
            condition_on_previous_text=False,
            word_timestamps=True,
            max_new_tokens=min(tokens, MOST_TOKENS),
        )
        for segment in segments:
            words = [
                Word(word.word, word.start, word.end, min(max(float(word.probability), 0.0), 1.0))
                for word in segment.words or ()
            ]
            whole = _whole_words(words) if code in SPACELESS else words
            yield [
                replace(word, text=" ".join(word.text.split()))
                for word in whole
                if any(map(str.isalnum, word.text))
            ]
            require_time(deadline)


def _load(folder: Path) -> "WhisperModel":
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise LyricsUnavailableError(
            'Lyrics need the package faster-whisper: pip install "stemdrop[lyrics]".'
        ) from error
    if not (folder / "model.bin").is_file():
        raise LyricsUnavailableError(
            f"There is no Whisper model {folder.name}: stemdrop models fetch {folder.name}."
        )
    try:
        return WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            cpu_threads=usable_processors(),
            local_files_only=True,
        )
    except (RuntimeError, ValueError) as error:
        raise LyricsUnavailableError(
            f"The Whisper model {folder.name} can't be loaded: install it again."
        ) from error


def _whole_words(tokens: Iterable[Word]) -> list[Word]:
    """Return the words of a language without spaces, which Whisper splits by token.

    The tokens of words in Latin letters that have no space between them are one word.
    """
    words: list[Word] = []
    for token in tokens:
        touching = words[-1].text[-1:] + token.text[:1] if words else " "
        if touching.isascii() and " " not in touching:
            last = words.pop()
            confidence = min(last.confidence, token.confidence)
            words.append(Word(last.text + token.text, last.start_s, token.end_s, confidence))
        else:
            words.append(token)
    return words


def _in_order(words: list[Word], offset_s: float) -> Iterator[Word]:
    """Yield words on the song's clock, none of which starts before the previous one."""
    earliest_s = 0.0
    for word in words:
        start_s = max(round(word.start_s + offset_s, 3), earliest_s)
        end_s = max(round(word.end_s + offset_s, 3), start_s)
        yield Word(word.text, start_s, end_s, round(word.confidence, 3))
        earliest_s = start_s
