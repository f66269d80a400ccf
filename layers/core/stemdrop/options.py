"""The options of a separation: one dataclass, from which schemas, flags and controls derive."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.lyrics_languages import LANGUAGES
from stemdrop.models import INSTRUMENTS, Model
from stemdrop.option_values import (
    DEFAULT_BITRATE,
    DEFAULT_TITLE,
    HIGH_KBPS,
    LONGEST_TITLE_FORMAT,
    LOW_KBPS,
    MAX_SECONDS,
    TRACK,
    parse_bit_depth,
    parse_bitrate,
    parse_duration_s,
    parse_language,
    parse_stems,
    parse_track,
    parse_value,
    require_lossless,
    require_stem_file_fits,
)


class Quality(StrEnum):
    """Use of the network: as in Spleeter, or for better stems in twice the network time."""

    SPLEETER = "spleeter"
    HIGH = "high"


class Clip(StrEnum):
    """Treatment of samples beyond full scale.

    They are kept, and cut off by the format, or all stems are scaled by one factor so that none
    clips.
    """

    KEEP = "keep"
    SCALE = "scale"


class SampleRate(StrEnum):
    """Sample rate of the stems: that of the networks, or the song's own."""

    MODEL = "44100"
    SOURCE = "source"


class Channels(StrEnum):
    """Channels of the stems: always two, or one if the song has one."""

    STEREO = "stereo"
    SOURCE = "source"


RESIDUAL = "residual"
STEM_FILE = "stem_file"


def describe(label: str, description: str, **more: Any) -> dict[str, Any]:
    """Return metadata of an option, from which schemas, flags and controls derive.

    Parameters
    ----------
    label : Name of the option in a form.
    description : Sentence for documentation and help; it begins with a noun or an imperative.
    more : Limits and examples under the names that pydantic's `Field` has for them, and
        ``values``, allowed values to their labels; ``aliases``, further flags of the command line;
        ``metavar``, the value's name in its help; ``is_later``, if the first records lack the
        option.
    """
    return {"title": label, "description": description, **more}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a separation; equal options give equal stems.

    The values of `stems`, `bitrate` and `bit_depth` depend on the model and the codec. Stems are in
    the model's order, `bitrate` is None for lossless codecs, and `bit_depth` for lossy ones.
    """

    model: Model = field(
        default=Model.TWO_STEMS,
        metadata=describe(
            "Model",
            "Network to use; a -16kHz model keeps frequencies up to 16 kHz instead of 11 kHz.",
            values={model.value: model.spec.label for model in Model},
            aliases=("-p", "--params_filename"),
        ),
    )
    stems: tuple[str, ...] = field(
        default=Model.TWO_STEMS.instruments,
        metadata=describe(
            "Stems to return",
            "Stems to return; all stems of the model by default.",
            values={name: name for names in INSTRUMENTS.values() for name in names},
            min_length=1,
            metavar="NAMES",
        ),
    )
    codec: Codec = field(
        default=Codec.WAV,
        metadata=describe(
            "Format",
            "Format of the stems.",
            values={codec.value: codec.spec.label for codec in Codec},
            aliases=("-c",),
        ),
    )
    bitrate: str | None = field(
        default=None,
        metadata=describe(
            "Bitrate",
            f"Bitrate of lossy formats, {LOW_KBPS}k to {HIGH_KBPS}k; {DEFAULT_BITRATE} by default.",
            pattern="^[0-9]{2,3}k$",
            examples=["64k", "96k", "128k", "160k", "192k", "256k", "320k"],
            aliases=("-b",),
        ),
    )
    bit_depth: str | None = field(
        default="16",
        metadata=describe(
            "Bit depth",
            "Bit depth of wav and aiff (16, 24 or 32f) or flac and alac (16 or 24); 16 by default.",
            values={
                "16": "16-bit – like a CD",
                "24": "24-bit – for further mixing",
                "32f": "32-bit float – never distorts, twice as large",
            },
        ),
    )
    offset_s: float = field(
        default=0.0,
        metadata=describe(
            "Start, in seconds",
            "Seconds to skip at the start of the song.",
            ge=0,
            lt=MAX_SECONDS,
            aliases=("-s", "--offset"),
            metavar="SECONDS",
        ),
    )
    duration_s: float | None = field(
        default=None,
        metadata=describe(
            "Duration, in seconds",
            "Seconds to separate from there; the rest of the song by default.",
            gt=0,
            lt=MAX_SECONDS,
            aliases=("-d", "--duration"),
            metavar="SECONDS",
        ),
    )
    residual: bool = field(
        default=False,
        metadata=describe(
            "Add a residual stem with what is left over, so that all stems add up to the song",
            "Add one more stem: the mix minus the sum of the others.",
        ),
    )
    zip: bool = field(
        default=False,
        metadata=describe("Add a ZIP file, to save all stems at once", "Add a zip of all stems."),
    )
    quality: Quality = field(
        default=Quality.SPLEETER,
        metadata=describe(
            "Quality",
            "Use of the network: as in Spleeter, or for better stems in twice the network time.",
            values={
                "spleeter": "Spleeter",
                "high": "Better",
            },
            is_later=True,
        ),
    )
    clip: Clip = field(
        default=Clip.KEEP,
        metadata=describe(
            "Clipping",
            "Treatment of clipping: keep the levels, or scale all stems by one factor to avoid it.",
            values={
                "keep": "Keep the levels",
                "scale": "Avoid distortion: make all stems quieter if one of them would clip",
            },
            is_later=True,
        ),
    )

    track: str | None = field(
        default=None,
        metadata=describe(
            "Audio track",
            "Audio track of a video or another file with several: its number, from 1, or its"
            " language as the file says it, such as eng; the default track otherwise.",
            pattern=TRACK.pattern,
            examples=["2", "eng"],
            metavar="TRACK",
        ),
    )

    title_format: str = field(
        default=DEFAULT_TITLE,
        metadata=describe(
            "Titles of the stems",
            "Format of the title in a stem's tags, with {title}, {artist}, {album} and {stem}.",
            is_later=True,
            metavar="FORMAT",
            max_length=LONGEST_TITLE_FORMAT,
        ),
    )

    sample_rate: SampleRate = field(
        default=SampleRate.MODEL,
        metadata=describe(
            "Sample rate",
            "Sample rate of lossless stems: 44,100 Hz as in Spleeter, or the song's own.",
            values={
                "44100": "44,100 Hz",
                "source": "Keep the song's own sample rate, for video projects (exact formats)",
            },
            is_later=True,
        ),
    )
    channels: Channels = field(
        default=Channels.STEREO,
        metadata=describe(
            "Channels",
            "Channels of the stems: always stereo as in Spleeter, or mono for a mono song.",
            values={
                "stereo": "Stereo",
                "source": "Make mono stems of half the size if the song is mono",
            },
            is_later=True,
        ),
    )
    stem_file: bool = field(
        default=False,
        metadata=describe(
            "Create a stem file to mix in DJ programs (four stems as M4A or ALAC)",
            "Add a .stem.mp4 file with the song and its four stems, for DJ programs; m4a or alac.",
            is_later=True,
        ),
    )
    lyrics: bool = field(
        default=False,
        metadata=describe(
            "Write the lyrics, with the time of each word",
            "Add the lyrics, with the time of each word, as JSON, LRC, WebVTT and SubRip.",
            is_later=True,
        ),
    )
    language: str | None = field(
        default=None,
        metadata=describe(
            "Language of the lyrics",
            "Language of the lyrics, such as en; detected by default.",
            values=LANGUAGES,
            metavar="LANGUAGE",
        ),
    )

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> "Options":
        """Build options from text or JSON values, with defaults for missing ones.

        Raises
        ------
        OptionError : An option is unknown, a value is not allowed, or two values contradict.
        """
        for name in given:
            if name not in OPTION_NAMES:
                allowed = ", ".join(OPTION_NAMES)
                raise OptionError(f"There is no option {name!r}: use one of {allowed}.")
        parsed = {
            each.name: parse_value(each.name, given.get(each.name, each.default), each.default)
            for each in fields(cls)
            if each.name not in DEPENDENT
        }
        require_lossless(parsed["sample_rate"], parsed["codec"])
        options = cls(
            **parsed,
            stems=parse_stems(given.get("stems"), parsed["model"]),
            bitrate=parse_bitrate(given.get("bitrate"), parsed["codec"]),
            bit_depth=parse_bit_depth(given.get("bit_depth"), parsed["codec"]),
            duration_s=parse_duration_s(given.get("duration_s")),
            track=parse_track(given.get("track")),
            language=parse_language(given.get("language"), lyrics=parsed["lyrics"]),
        )
        if options.stem_file:
            require_stem_file_fits(options.codec, options.outputs, options.channels)
        return options

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of all stems that are written, the residual last."""
        return (*self.stems, RESIDUAL) if self.residual else self.stems

    def to_dict(self) -> dict[str, object]:
        """Return the options as JSON values; `parse` is the inverse.

        Values without effect are not written: the bitrate of wav, and the defaults of LATER.
        """
        values = asdict(self) | {"stems": list(self.stems)}
        return {
            name: value
            for name, value in values.items()
            if value is not None and value != LATER.get(name)
        }


OPTION_NAMES = tuple(each.name for each in fields(Options))
# Options with a parser of their own; a default of None may depend on another option.
DEPENDENT = frozenset({"stems", "bitrate", "bit_depth", "duration_s", "track", "language"})
# The first records and entries of the content index lack these options. Records with the default
# must stay equal to those, so a default isn't written.
LATER: dict[str, object] = {
    each.name: each.default for each in fields(Options) if each.metadata.get("is_later")
}
