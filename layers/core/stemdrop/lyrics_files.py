"""Files of lyrics: JSON for programs, LRC for karaoke players, WebVTT and SubRip for videos."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from stemdrop.lyrics import LyricsFormat, LyricsLine, Transcription

VERSION = 1
# WebVTT requires that a cue ends after its start, but the last word may end where it starts.
SHORTEST_CUE_S = 0.1


def write_lyrics(transcription: Transcription, engine: str) -> dict[LyricsFormat, bytes]:
    """Return the content of each file; there are no files without words.

    Parameters
    ----------
    engine : Name of the engine, as in the job record.
    """
    lines = transcription.lines
    if not lines:
        return {}
    texts = {
        LyricsFormat.JSON: _json(lines, transcription.language, engine),
        LyricsFormat.LRC: _lrc(lines),
        LyricsFormat.VTT: _vtt(lines),
        LyricsFormat.SRT: _srt(lines),
    }
    return {name: text.encode() for name, text in texts.items()}


def _json(lines: Sequence[LyricsLine], language: str | None, engine: str) -> str:
    described = [
        {
            "text": line.text,
            "start_s": line.start_s,
            "end_s": line.end_s,
            "words": [asdict(word) for word in line.words],
        }
        for line in lines
    ]
    lyrics = {"version": VERSION, "language": language, "engine": engine, "lines": described}
    return json.dumps(lyrics, indent=1, ensure_ascii=False) + "\n"


def _lrc(lines: Sequence[LyricsLine]) -> str:
    """Write each line behind its time, and each word behind its own, as the enhanced form does.

    The time at the end of a line is that of its end. Languages without spaces have none around
    their times either.
    """
    written = []
    for line in lines:
        space = " " if line.is_spaced else ""
        words = "".join(
            f"{separator}<{_minutes(word.start_s)}>{space}{word.text}"
            for separator, word in zip(line.separators, line.words, strict=True)
        )
        start, end = _minutes(line.start_s), _minutes(line.end_s)
        written.append(f"[{start}]{space}{words}{space}<{end}>\n")
    return "".join(written)


def _minutes(seconds: float) -> str:
    """Return mm:ss.xx, in as many minutes as it takes."""
    minutes, hundredths = divmod(round(seconds * 100), 6000)
    return f"{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}"


def _vtt(lines: Sequence[LyricsLine]) -> str:
    return "WEBVTT\n\n" + "\n".join(_cue(line, ".", _escape(line.text)) for line in lines)


def _srt(lines: Sequence[LyricsLine]) -> str:
    cues = (f"{number}\n{_cue(line, ',', line.text)}" for number, line in enumerate(lines, 1))
    return "\n".join(cues)


def _cue(line: LyricsLine, point: str, text: str) -> str:
    end_s = max(line.end_s, line.start_s + SHORTEST_CUE_S)
    return f"{_hours(line.start_s, point)} --> {_hours(end_s, point)}\n{text}\n"


def _hours(seconds: float, point: str) -> str:
    """Return hh:mm:ss.xxx."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return (
        f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}"
        f"{point}{milliseconds % 1000:03d}"
    )


def _escape(text: str) -> str:
    """Return text as WebVTT writes it. Source: W3C, WebVTT, "WebVTT cue text span"."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
