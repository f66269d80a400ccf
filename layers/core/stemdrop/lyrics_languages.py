"""Languages of lyrics, and which of them each engine knows."""

# ISO 639 code to name: the languages that Whisper or Amazon Transcribe knows.
LANGUAGES = {
    "ab": "Abkhaz", "af": "Afrikaans", "sq": "Albanian", "am": "Amharic", "ar": "Arabic",
    "hy": "Armenian", "as": "Assamese", "ast": "Asturian", "az": "Azerbaijani", "ba": "Bashkir",
    "eu": "Basque", "be": "Belarusian", "bn": "Bengali", "bs": "Bosnian", "br": "Breton",
    "bg": "Bulgarian", "my": "Burmese", "yue": "Cantonese", "ca": "Catalan", "zh": "Chinese",
    "hr": "Croatian", "cs": "Czech", "da": "Danish", "nl": "Dutch", "en": "English",
    "et": "Estonian", "fo": "Faroese", "fi": "Finnish", "fr": "French", "gl": "Galician",
    "ka": "Georgian", "de": "German", "el": "Greek", "gu": "Gujarati", "ht": "Haitian Creole",
    "ha": "Hausa", "haw": "Hawaiian", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "is": "Icelandic", "id": "Indonesian", "ga": "Irish", "it": "Italian", "ja": "Japanese",
    "jv": "Javanese", "kab": "Kabyle", "kn": "Kannada", "kk": "Kazakh", "km": "Khmer",
    "rw": "Kinyarwanda", "ko": "Korean", "ckb": "Kurdish, Sorani", "ky": "Kyrgyz", "lo": "Lao",
    "la": "Latin", "lv": "Latvian", "ln": "Lingala", "lt": "Lithuanian", "lg": "Luganda",
    "lb": "Luxembourgish", "mk": "Macedonian", "mg": "Malagasy", "ms": "Malay", "ml": "Malayalam",
    "mt": "Maltese", "mi": "Maori", "mr": "Marathi", "mhr": "Mari", "mn": "Mongolian",
    "ne": "Nepali", "no": "Norwegian", "nn": "Norwegian Nynorsk", "oc": "Occitan", "or": "Odia",
    "ps": "Pashto", "fa": "Persian", "pl": "Polish", "pt": "Portuguese", "pa": "Punjabi",
    "ro": "Romanian", "ru": "Russian", "sa": "Sanskrit", "gd": "Scottish Gaelic", "sr": "Serbian",
    "sn": "Shona", "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian",
    "so": "Somali", "es": "Spanish", "su": "Sundanese", "sw": "Swahili", "sv": "Swedish",
    "tl": "Tagalog", "tg": "Tajik", "ta": "Tamil", "tt": "Tatar", "te": "Telugu", "th": "Thai",
    "bo": "Tibetan", "tr": "Turkish", "tk": "Turkmen", "uk": "Ukrainian", "ur": "Urdu",
    "ug": "Uyghur", "uz": "Uzbek", "vi": "Vietnamese", "cy": "Welsh", "wo": "Wolof",
    "yi": "Yiddish", "yo": "Yoruba", "zu": "Zulu",
}  # fmt: skip

# Languages whose words have no spaces between them.
SPACELESS = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})

# Source: the tokenizer of faster-whisper 1.2.1, which writes "jw" for Javanese.
WHISPER_LANGUAGES = frozenset(LANGUAGES) - {
    "ab", "ast", "ckb", "ga", "gd", "kab", "ky", "lg", "mhr", "or", "rw", "ug", "wo", "zu",
}  # fmt: skip

# Source: "LanguageCode" of the Amazon Transcribe API of 2017-10-26. Of several countries' codes,
# that with the most speakers.
TRANSCRIBE_LANGUAGES = {
    "ab": "ab-GE", "af": "af-ZA", "am": "am-ET", "ar": "ar-SA", "ast": "ast-ES", "az": "az-AZ",
    "ba": "ba-RU", "be": "be-BY", "bg": "bg-BG", "bn": "bn-IN", "bs": "bs-BA", "ca": "ca-ES",
    "ckb": "ckb-IQ", "cs": "cs-CZ", "cy": "cy-GB", "da": "da-DK", "de": "de-DE", "el": "el-GR",
    "en": "en-US", "es": "es-US", "et": "et-EE", "eu": "eu-ES", "fa": "fa-IR", "fi": "fi-FI",
    "fr": "fr-FR", "ga": "ga-IE", "gd": "gd-GB", "gl": "gl-ES", "gu": "gu-IN", "ha": "ha-NG",
    "he": "he-IL", "hi": "hi-IN", "hr": "hr-HR", "ht": "ht-HT", "hu": "hu-HU", "hy": "hy-AM",
    "id": "id-ID", "is": "is-IS", "it": "it-IT", "ja": "ja-JP", "jv": "jv-ID", "ka": "ka-GE",
    "kab": "kab-DZ", "kk": "kk-KZ", "km": "km-KH", "kn": "kn-IN", "ko": "ko-KR", "ky": "ky-KG",
    "lg": "lg-IN", "lt": "lt-LT", "lv": "lv-LV", "mhr": "mhr-RU", "mi": "mi-NZ", "mk": "mk-MK",
    "ml": "ml-IN", "mn": "mn-MN", "mr": "mr-IN", "ms": "ms-MY", "mt": "mt-MT", "my": "my-MM",
    "ne": "ne-NP", "nl": "nl-NL", "no": "no-NO", "or": "or-IN", "pa": "pa-IN", "pl": "pl-PL",
    "ps": "ps-AF", "pt": "pt-BR", "ro": "ro-RO", "ru": "ru-RU", "rw": "rw-RW", "si": "si-LK",
    "sk": "sk-SK", "sl": "sl-SI", "so": "so-SO", "sq": "sq-AL", "sr": "sr-RS", "su": "su-ID",
    "sv": "sv-SE", "sw": "sw-KE", "ta": "ta-IN", "te": "te-IN", "th": "th-TH", "tl": "tl-PH",
    "tr": "tr-TR", "tt": "tt-RU", "ug": "ug-CN", "uk": "uk-UA", "uz": "uz-UZ", "vi": "vi-VN",
    "wo": "wo-SN", "zh": "zh-CN", "zu": "zu-ZA", "yue": "zh-HK",
}  # fmt: skip
