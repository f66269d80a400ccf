"""Errors of the core and the separator.

StemdropError
├── RejectedError             the upload can never work: the record says why; no retry
│   ├── OptionError           bad_option
│   ├── BadKeyError           bad_key
│   ├── UploadGoneError       upload_gone
│   ├── UnreadableUploadError unreadable_upload
│   ├── NotAudioError         not_audio
│   ├── DamagedError          damaged
│   ├── NoAudioStreamError    no_audio_stream
│   ├── EmptyAudioError       empty_audio
│   ├── NotFiniteError        not_finite
│   ├── TooLoudError          too_loud
│   ├── TooLongError          too_long
│   ├── TooLargeError         too_large
│   ├── NoRoomError           no_room
│   ├── ModelUnavailableError model_unavailable
│   ├── TimedOutError         timed_out
│   └── LyricsError           lyrics: there are stems, but no lyrics
│       ├── LyricsUnavailableError   lyrics_unavailable
│       ├── LanguageUnavailableError language_unavailable
│       ├── LyricsTooLongError       lyrics_too_long
│       └── LyricsTimedOutError      lyrics_timed_out
├── TransientError            may work the next time: the message is delivered again
│   ├── StorageError          storage
│   │   ├── RecordError       storage
│   │   ├── ChangedError      changed
│   │   └── MissingError      missing
│   ├── NotificationError     topic
│   ├── QueueError            queue
│   ├── TranscribeError       transcribe
│   ├── EncodeError           encode
│   ├── SeparationError       separation
│   ├── KilledError           killed
│   └── NoAttemptLeftError    no_attempt_left
├── CallbackUrlError          bad_callback_url: no webhook is sent there
├── SupersededError           the work is no longer needed: the job ends silently
└── SetupError                the installation is wrong: it has to be fixed
"""

from typing import ClassVar


class StemdropError(Exception):
    """Root of all errors, with a code for programs and a message for people."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        """Return the sentence that says what is wrong and what to do."""
        return str(self)


class RejectedError(StemdropError):
    """An upload that can never work with these options."""

    code = "rejected"


class OptionError(RejectedError):
    """An option is unknown, or its value is not allowed."""

    code = "bad_option"


class BadKeyError(RejectedError):
    """The object's key does not match the key grammar."""

    code = "bad_key"


class UploadGoneError(RejectedError):
    """The song was deleted before it was separated."""

    code = "upload_gone"


class UnreadableUploadError(RejectedError):
    """S3 can't return the song because it is archived or encrypted with the uploader's key."""

    code = "unreadable_upload"


class NotAudioError(RejectedError):
    """The file can't be read as audio, or is of a kind that may not be read."""

    code = "not_audio"


class DamagedError(RejectedError):
    """More than half of the song can't be decoded."""

    code = "damaged"


class NoAudioStreamError(RejectedError):
    """The file is a medium without sound: a silent video, or nothing but cover art."""

    code = "no_audio_stream"


class EmptyAudioError(RejectedError):
    """No sample is left to separate: no bytes, no audio data, or an offset beyond the end."""

    code = "empty_audio"


class NotFiniteError(RejectedError):
    """The samples contain NaN or infinity."""

    code = "not_finite"


class TooLoudError(RejectedError):
    """The samples are far beyond full scale, where the stems' format can't have them."""

    code = "too_loud"


class TooLongError(RejectedError):
    """The song lasts longer than the limit."""

    code = "too_long"


class TooLargeError(RejectedError):
    """The file has more bytes than the limit."""

    code = "too_large"


class NoRoomError(RejectedError):
    """The stems don't fit on the disk."""

    code = "no_room"


class ModelUnavailableError(RejectedError):
    """The model is not installed here."""

    code = "model_unavailable"


class TimedOutError(RejectedError):
    """The separation takes longer than its time limit."""

    code = "timed_out"


class LyricsError(RejectedError):
    """The lyrics can't be written. The stems don't depend on them."""

    code = "lyrics"


class LyricsUnavailableError(LyricsError):
    """There is no engine for lyrics here."""

    code = "lyrics_unavailable"


class LanguageUnavailableError(LyricsError):
    """The engine doesn't know the language."""

    code = "language_unavailable"


class LyricsTooLongError(LyricsError):
    """The song is longer than the engine takes."""

    code = "lyrics_too_long"


class LyricsTimedOutError(LyricsError):
    """The transcription takes longer than its time limit."""

    code = "lyrics_timed_out"


class TransientError(StemdropError):
    """Something failed that may work the next time."""

    code = "transient"


class StorageError(TransientError):
    """A request to S3 failed."""

    code = "storage"


class RecordError(StorageError):
    """A job record can't be read: it is damaged, or of a later version."""


class ChangedError(StorageError):
    """The object is no longer the one that was read."""

    code = "changed"


class MissingError(StorageError):
    """There is no such object."""

    code = "missing"


class NotificationError(TransientError):
    """SNS did not accept the notification of a job's end."""

    code = "topic"


class QueueError(TransientError):
    """SQS did not accept a message, or a new visibility timeout."""

    code = "queue"


class TranscribeError(TransientError):
    """Amazon Transcribe failed, or runs as many jobs as the account may have."""

    code = "transcribe"


class EncodeError(TransientError):
    """A stem could not be encoded."""

    code = "encode"


class SeparationError(TransientError):
    """The stems failed a check, so they are not published."""

    code = "separation"


class KilledError(TransientError):
    """Lambda ended all attempts at a song, without notice."""

    code = "killed"


class NoAttemptLeftError(TransientError):
    """All attempts at a song failed, which its record says."""

    code = "no_attempt_left"


class CallbackUrlError(StemdropError):
    """A callback URL is malformed, or its host isn't allowed."""

    code = "bad_callback_url"


class SupersededError(StemdropError):
    """The upload was replaced or deleted, or another invocation has finished it."""

    code = "superseded"


class SetupError(StemdropError):
    """A setting or a file of the installation is missing or wrong."""

    code = "setup"
