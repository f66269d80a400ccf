"""Schemas of lyrics in responses."""

from pydantic import BaseModel, ConfigDict, Field

from stemdrop.lyrics import LyricsFormat, LyricsStatus


class LyricsFields(BaseModel):
    """The fields of the lyrics that are shown as they are in the record."""

    model_config = ConfigDict(from_attributes=True)

    status: LyricsStatus
    engine: str = Field(description="`transcribe`, or the name of a Whisper model.")
    language: str | None = Field(
        description="ISO 639 code; null until it is known, and without words."
    )
    words: int = Field(description="Number of words; 0 if nobody sings.")
    cost_usd: float = Field(description="Price of the transcription.")
    code: str | None = Field(description="Reason for programs, if the lyrics failed.")
    reason: str | None = Field(description="Reason for people, if the lyrics failed.")
    deadline_at: str | None = Field(description="Time at which pending lyrics count as failed.")
    finished_at: str | None


class LyricsFileView(BaseModel):
    """A file with the lyrics, and a URL of it."""

    format: LyricsFormat
    filename: str
    size_bytes: int
    url: str


class LyricsView(LyricsFields):
    """The lyrics of a song, and their files."""

    files: list[LyricsFileView] = Field(description="Empty unless the lyrics have words.")


class LyricsEstimateView(BaseModel):
    """The engine that writes lyrics, and its estimated cost, for each minute of the song."""

    engine: str = Field(description="`transcribe`, or the name of a Whisper model.")
    seconds_per_audio_minute: float | None = Field(
        description="Seconds after the stems; null if it was not measured."
    )
    usd_per_audio_minute: float | None = Field(description="Null if it was not measured.")
