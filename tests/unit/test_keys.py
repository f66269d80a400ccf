from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stemdrop.codecs import Codec
from stemdrop.errors import BadKeyError
from stemdrop.keys import (
    MAX_UPLOAD_KEY_BYTES,
    ZIP_NAME,
    Origin,
    UploadKey,
    content_key,
    is_result_of,
    new_results_id,
    record_key,
    result_key,
    result_name,
)
from stemdrop.models import INSTRUMENTS, Model
from stemdrop.options import RESIDUAL
from strategies import ANY_TEXT, JOB_IDS, SHA256, UPLOAD_KEYS

S3_MAX_KEY_BYTES = 1024
STEMS = sorted({RESIDUAL, *(stem for names in INSTRUMENTS.values() for stem in names)})
RESULT_NAMES = [ZIP_NAME, *(f"{stem}.{codec}" for stem in STEMS for codec in Codec)]
# Tricky keys: quoting, dots, separators, direction marks and several Unicode planes.
STRANGE_NAMES = [
    "live at home.mp3",
    "a+b%20c.mp3",
    "%2F.mp3",
    "100%.mp3",
    "'quoted' \"twice\".mp3",
    "../../etc/passwd",
    "./a//b.mp3",
    "..",
    ".mp3",
    "é.mp3",
    "e\u0301.mp3",
    "🎵 曲.mp3",
    "a\nb.mp3",
    "a&b=c?d#e.mp3",
    "job.json",
    "vocals.wav/vocals.wav",
    "content/x.json",
]


@given(UPLOAD_KEYS)
def test_parsing_is_the_inverse_of_building(key: UploadKey) -> None:
    assert UploadKey.parse(str(key)) == key


@given(
    st.one_of(
        ANY_TEXT,
        st.builds("{}/{}".format, st.sampled_from(["drop", "jobs", "content", ""]), ANY_TEXT),
    )
)
@example("drop/\ud800")
@example("drop/")
@example("jobs/" + "a" * 32 + "\n")
def test_building_is_the_inverse_of_parsing(text: str) -> None:
    with suppress(BadKeyError):
        assert str(UploadKey.parse(text)) == text


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_unusual_name_is_kept(name: str) -> None:
    key = UploadKey.parse(f"drop/{name}")
    assert (key.origin, key.name) == (Origin.DROP, name)
    assert is_result_of(key, result_key(key, new_results_id(), "vocals.wav"))


@given(UPLOAD_KEYS, st.sampled_from(RESULT_NAMES))
def test_a_result_is_that_of_one_upload_only(key: UploadKey, name: str) -> None:
    results_id = new_results_id()
    result = result_key(key, results_id, name)
    assert result_name(result) == name
    parts = result.split("/")
    prefixes = ("/".join(parts[:length]) for length in range(2, len(parts) + 1))
    owners = []
    for prefix in prefixes:
        with suppress(BadKeyError):
            upload = UploadKey.parse(prefix)
            owners += [upload] if is_result_of(upload, result) else []
            assert record_key(upload) != result
    assert owners == [key]


@given(UPLOAD_KEYS)
def test_a_record_is_no_result(key: UploadKey) -> None:
    below = UploadKey.parse(f"{key}/results-{new_results_id()}") if key.origin == "drop" else key
    assert not is_result_of(key, record_key(key))
    assert not is_result_of(key, record_key(below))
    assert not is_result_of(key, f"{new_results_id()}/vocals.wav")


def test_each_results_id_is_new() -> None:
    assert len({new_results_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("character", ["x", "é", "曲", "🎵"])
def test_results_of_the_longest_key_fit(character: str) -> None:
    room = MAX_UPLOAD_KEY_BYTES - len("drop/")
    name = character * (room // len(character.encode()))
    longest = "drop/" + name + "x" * (room - len(name.encode()))
    assert len(longest.encode()) == MAX_UPLOAD_KEY_BYTES >= 900
    key = UploadKey.parse(longest)
    for result in RESULT_NAMES:
        assert len(result_key(key, new_results_id(), result).encode()) <= S3_MAX_KEY_BYTES
    with pytest.raises(BadKeyError, match="shorter"):
        UploadKey.parse(longest + "x")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "drop",
        "drop/",
        "/drop/a",
        "Drop/a",
        "song.mp3",
        "content/" + "0" * 64 + ".json",
        "jobs/",
        "jobs/" + "a" * 31,
        "jobs/" + "a" * 33,
        "jobs/" + "A" * 32,
        "jobs/" + "g" * 32,
        "jobs/" + "a" * 32 + "/",
        "jobs/" + "a" * 32 + "/vocals.wav",
        "jobs/" + "a" * 31 + "٣",
    ],
)
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(BadKeyError) as raised:
        UploadKey.parse(key)
    assert raised.value.code == "bad_key"


@given(SHA256)
def test_index_key_is_not_an_upload(digest: str) -> None:
    with pytest.raises(BadKeyError):
        UploadKey.parse(content_key(digest))


@pytest.mark.parametrize("model", Model)
def test_the_first_folder_sets_the_model(model: Model) -> None:
    for name in (f"{model}/song.mp3", f"{model}/live/song.mp3"):
        assert UploadKey.parse(f"drop/{name}").folder_options == {"model": model}


def test_second_folder_sets_the_other_option() -> None:
    def options(name: str) -> dict[str, str]:
        return UploadKey.parse(f"drop/{name}").folder_options

    both = {"model": "4stems", "quality": "high"}
    assert options("4stems/high/song.mp3") == options("high/4stems/live/song.mp3") == both
    assert options("high/song.mp3") == {"quality": "high"}
    assert options("high/live/4stems/song.mp3") == {"quality": "high"}
    assert options("4stems/2stems/high/song.mp3") == {"model": "4stems"}
    assert options("high") == {}


@pytest.mark.parametrize(
    "name", ["4stems", "4stems.mp3", "live/4stems/song.mp3", "4Stems/song.mp3", "3stems/song.mp3"]
)
def test_no_other_folder_sets_anything(name: str) -> None:
    assert UploadKey.parse(f"drop/{name}").folder_options == {}


@given(JOB_IDS)
def test_a_job_of_the_api_has_no_folder(job_id: str) -> None:
    key = UploadKey.parse(f"jobs/{job_id}")
    assert key.folder_options == {}
    assert not key.is_folder
    assert record_key(key) == f"jobs/{job_id}/job.json"


def test_folder_marker_is_not_a_song() -> None:
    assert UploadKey.parse("drop/live/").is_folder
    assert not UploadKey.parse("drop/live").is_folder
