from pathlib import Path

import pytest

from stemdrop.errors import OptionError
from stemdrop.job_record import Status
from stemdrop.options import Options
from stemdrop_cli.errors import SongError
from stemdrop_cli.responses import JobResponse
from stemdrop_cli.tasks import Layout, Task, parse_tasks
from stemdrop_separate.output_paths import DEFAULT_FORMAT, name_targets

ID = "0123456789abcdef" * 2


def done(filename: str = "Song.mp3", **options: object) -> JobResponse:
    given = Options.parse(options).to_dict()
    return JobResponse(ID, filename, Status.DONE, 1.0, None, given)


@pytest.mark.parametrize("layout", [DEFAULT_FORMAT, "{filename} - {instrument}.{codec}"])
def test_submit_paths_equal_those_of_separate(layout: str) -> None:
    song, folder, options = Path("music/Song.mp3"), Path("out"), Options.parse({"codec": "mp3"})
    paths = Layout(folder, layout).paths(Task("Song", song), done(codec="mp3"))
    assert paths == name_targets([song], folder, layout, options)[song]


@pytest.mark.parametrize(
    ("layout", "zip_path"),
    [
        (DEFAULT_FORMAT, "out/Mr. Song/stems.zip"),
        ("{filename} - {instrument}.{codec}", "out/Mr. Song - stems.zip"),
        ("{instrument} of {filename}.{codec}", "out/stems of Mr. Song.zip"),
    ],
)
def test_zip_path_follows_filename_format(layout: str, zip_path: str) -> None:
    job = done("Mr. Song.mp3", zip=True, residual=True)
    paths = Layout(Path("out"), layout).paths(Task("job", job_id=ID), job)
    assert paths.pop("stems.zip") == Path(zip_path)
    assert list(paths) == ["vocals", "accompaniment", "residual"]


def test_zip_and_stem_file_have_paths_of_their_own() -> None:
    job = done("Song.mp3", model="4stems", codec="m4a", zip=True, stem_file=True)
    paths = Layout(Path("out"), DEFAULT_FORMAT).paths(Task("job", job_id=ID), job)
    assert paths["stem_file"] == Path("out/Song/Song.stem.mp4")
    assert paths["stems.zip"] == Path("out/Song/stems.zip")
    assert len(paths) == 6


def test_resumed_job_is_named_after_its_song() -> None:
    paths = Layout(Path("out"), DEFAULT_FORMAT).paths(Task("job", job_id=ID), done("My Song.flac"))
    assert paths["vocals"] == Path("out/My Song/vocals.wav")


def test_paths_of_another_task_are_rejected() -> None:
    layout = Layout(Path("out"), DEFAULT_FORMAT)
    first, second = Task("first", job_id=ID), Task("second", Path("Song.wav"))
    assert layout.paths(first, done()) == layout.paths(first, done())
    with pytest.raises(SongError, match="would overwrite those of first"):
        layout.paths(second, done())


@pytest.mark.parametrize("name", ["CAFÉ.mp3", "Cafe\N{COMBINING ACUTE ACCENT}.mp3"])
def test_paths_that_only_some_systems_tell_apart_are_rejected(name: str) -> None:
    layout = Layout(Path("out"), DEFAULT_FORMAT)
    layout.paths(Task("first", job_id=ID), done("Café.mp3"))
    with pytest.raises(SongError, match="would overwrite those of first"):
        layout.paths(Task("second", job_id=ID), done(name))


def test_conflicting_or_invalid_paths_are_rejected_in_advance() -> None:
    layout = Layout(Path("out"), DEFAULT_FORMAT)
    layout.check([Path("a.mp3"), Path("b.mp3")], Options())
    with pytest.raises(OptionError, match="would be written over"):
        layout.check([Path("a/song.mp3"), Path("b/song.mp3")], Options())
    with pytest.raises(OptionError, match=r"no \{track\}"):
        Layout(Path("out"), "{track}").check([Path("a.mp3")], Options())


@pytest.mark.parametrize("placeholder", ["parent", "foldername", "index"])
def test_job_is_not_resumed_into_the_path_of_another_song(placeholder: str) -> None:
    layout = Layout(Path("out"), f"{{{placeholder}}}/{DEFAULT_FORMAT}")
    assert layout.needs_songs
    layout.check([Path("a.mp3")], Options())
    with pytest.raises(OptionError, match="submit the songs again"):
        layout.check([], Options(), resumes=True)
    braces = Layout(Path("out"), f"{{{{{placeholder}}}}} {DEFAULT_FORMAT}")
    assert not braces.needs_songs
    braces.check([], Options(), resumes=True)


def test_tasks_are_songs_and_distinct_jobs() -> None:
    tasks = parse_tasks([Path("a.mp3"), Path("b.mp3")], [ID, ID])
    assert [(task.name, task.song, task.job_id) for task in tasks] == [
        ("a.mp3", Path("a.mp3"), None),
        ("b.mp3", Path("b.mp3"), None),
        (f"job {ID}", None, ID),
    ]


@pytest.mark.parametrize("job_id", ["song.mp3", ID.upper(), ID[1:], f"{ID}/", "../" + ID])
def test_invalid_job_id_is_rejected(job_id: str) -> None:
    with pytest.raises(OptionError, match="isn't a job ID"):
        parse_tasks([], [job_id])


def test_no_songs_and_no_jobs_are_rejected() -> None:
    with pytest.raises(OptionError, match="There is nothing to do"):
        parse_tasks([], [])
