"""Tempo, beats, key and loudness of a song, as the job record has them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Music:
    """What the separated part of a song is like; None and no beats where that isn't clear.

    Attributes
    ----------
    tempo_bpm : Beats per minute.
    tempo_confidence : Share of the onsets that repeats from beat to beat and bar to bar, 0 to 1.
    key : Tonic and mode, such as ``F# minor``.
    camelot : The key as DJs write it, such as ``11A``.
    loudness_lufs : Integrated loudness by ITU-R BS.1770-4.
    peak_dbfs : Largest sample; None for silence.
    beats_s : Times of the beats on the song's clock.
    """

    tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    key: str | None = None
    camelot: str | None = None
    loudness_lufs: float | None = None
    peak_dbfs: float | None = None
    beats_s: tuple[float, ...] = ()

    def summary(self) -> str:
        """Return what is known in a few words, such as ``128 BPM, A minor (8A), -9.4 LUFS``."""
        parts = [
            self.tempo_bpm and f"{round(self.tempo_bpm, 1):g} BPM",
            self.key and f"{self.key} ({self.camelot})",
            self.loudness_lufs is not None and f"{self.loudness_lufs:.1f} LUFS",
        ]
        return ", ".join(part for part in parts if part)
