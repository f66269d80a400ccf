"""Languages of Whisper's models."""

from stemdrop.errors import LanguageUnavailableError
from stemdrop.lyrics import engine_languages


def require_language(language: str | None, model: str) -> None:
    """Refuse a language that a Whisper model doesn't know, by the model's name.

    Parameters
    ----------
    language : ISO 639 code; None if it has to be detected.
    model : Name of the model, such as ``tiny.en``.

    Raises
    ------
    LanguageUnavailableError : The model doesn't know the language.
    """
    if language is not None and language not in engine_languages(model):
        raise LanguageUnavailableError(
            f"The model {model} doesn't know the language {language!r}: leave language out, or use"
            " a model of all languages."
        )
