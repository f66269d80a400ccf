"""Links, paths, names, tables and figures of the documentation match the repository."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from benchmarks import scale
from documents import PAGES, README, rows_of
from stemdrop.errors import LyricsError, RejectedError
from stemdrop.job_record import Job, ResultFile, Stem
from stemdrop.lyrics import Lyrics, LyricsFile
from stemdrop.options import OPTION_NAMES, Options
from stemdrop_api.errors import STATUSES
from stemdrop_api.lyrics_schemas import LyricsFileView
from stemdrop_api.schemas import JobView, ResultFileView, StemView
from stemdrop_cli.main import build_parser
from stemdrop_cloud.deploy import EXIT_STATUS

MAX_README_WORDS = 1100
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/(?:[\w.-]+\.(?:py|js|html|css|toml|yaml|sh|md))?)`")
TASK = re.compile(r"(?:^    |^|`|&& )make ([a-z][a-z0-9-]*)", re.MULTILINE)
PUBLISHED = re.compile(r"-p (\S*\d+:\d+)")
NAME = re.compile(r"`([A-Z][a-z]+[A-Z]\w*)`")
# Folders that tasks create, and paths of objects.
NOT_IN_REPOSITORY = re.compile(r"(uploads|stems|drop|jobs|content|out|K|\.stemdrop)/.*")
RELATIVE_TO = (
    "",
    "functions/separate/stemdrop_separate",
    "functions/api/stemdrop_api",
    "tests",
    "docs",
)


def text_of(path: Path) -> str:
    return path.read_text()


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives a heading."""
    plain = re.sub(r"[`*]|[^\w\s-]", "", heading.lower())
    return plain.strip().replace(" ", "-")


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_containers_publish_ports_to_this_machine_only() -> None:
    published = [port for page in PAGES for port in PUBLISHED.findall(text_of(page))]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published), published


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_point_to_existing_files_and_headings(page: Path) -> None:
    targets = ["".join(found) for found in LINK.findall(text_of(page))]
    for target in targets:
        if target.startswith("https://"):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.*)$", text_of(file), re.MULTILINE)
            assert fragment in map(anchor, headings), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_tasks_and_names_exist(page: Path, root: Path) -> None:
    text = text_of(page)
    for path in PATH.findall(text):
        exists = any((root / folder / path).exists() for folder in RELATIVE_TO)
        assert exists or NOT_IN_REPOSITORY.fullmatch(path), path
    tasks = re.findall(r"^([a-z0-9-]+):.*##", text_of(root / "Makefile"), re.MULTILINE)
    assert set(TASK.findall(text)) <= set(tasks)
    sources = [root / "template.yaml", root / "infra" / "bootstrap.yaml"]
    sources += [*root.glob("layers/core/stemdrop/*.py"), *root.glob("functions/*/stemdrop_*/*.py")]
    known = "\n".join(map(text_of, sources))
    unknown = {name for name in NAME.findall(text) if not re.search(rf"\b{name}\b", known)}
    assert unknown <= {"DetailedMetricsEnabled"}  # a setting of AWS, named because it is off


def test_readme_is_short_and_in_order() -> None:
    text = text_of(README)
    assert len(text.split()) <= MAX_README_WORDS
    order = ["page.png", "Features", "Quick start", "Tests", "Options", "Documentation"]
    places = [text.index(word if "." in word else f"\n## {word}\n") for word in order]
    assert places == sorted(places)


def test_readme_figures_equal_those_of_the_benchmarks(root: Path) -> None:
    time, memory, cost = re.findall(r"(\d\.\d) times", text_of(README))
    benchmarks = text_of(root / "docs" / "reference" / "benchmarks.md")
    figures = {row["Metric"]: row["Spleeter"] for row in rows_of(benchmarks, "# Benchmarks")}
    assert f"(1 : {time})" in figures["wall time"]  # of the longer song, which comes last
    assert f"(1 : {memory})" in figures["peak memory"]
    page = text_of(root / "docs" / "operations" / "cost.md")
    assert f"at 3,538 MB, Spleeter takes {cost} times as long as stemdrop" in page
    (hour_mb,) = re.findall(r"at\s+(\d+) MB", text_of(README))
    assert f"An hour of audio peaks at {hour_mb} MB" in benchmarks


@pytest.mark.parametrize(
    ("page", "heading"), [("README.md", "## Options"), ("docs/reference/options.md", "# Options")]
)
def test_documented_options_are_complete(page: str, heading: str, root: Path) -> None:
    rows = rows_of(text_of(root / page), heading)
    assert [quoted(row["Option"])[0] for row in rows] == list(OPTION_NAMES)
    defaults = Options().to_dict() | {"offset_s": 0}
    for row in rows:
        (name,), default = quoted(row["Option"]), quoted(row["Default"])
        if default and name in defaults:
            assert default == [str(defaults[name]).lower()], name


def test_parameters_are_documented_in_the_groups_of_the_console(
    template: dict[str, Any], root: Path
) -> None:
    text = text_of(root / "docs" / "reference" / "parameters.md")
    sections = re.findall(r"^## ([^\n]+)(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    documented = {
        heading: re.findall(r"^\| `(\w+)`", section, re.MULTILINE) for heading, section in sections
    }
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert documented == {group["Label"]["default"]: group["Parameters"] for group in groups}


def test_documented_parameters_are_complete(template: dict[str, Any], root: Path) -> None:
    text = text_of(root / "docs" / "reference" / "parameters.md")
    listed = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", text, re.MULTILINE))
    defaults = {name: made.get("Default", "") for name, made in template["Parameters"].items()}
    expected = {
        name: f"`{default}`" if default != "" else "empty" for name, default in defaults.items()
    }
    assert listed == expected


def test_flags_of_one_command_only_are_documented(root: Path) -> None:
    guide = text_of(root / "docs" / "guide" / "command-line.md").partition("\n## Submit")[2]
    documented = set(re.findall(r"`(--?\w+)`", guide))
    parser = build_parser(["separate", "submit"])
    (choices,) = (action.choices for action in parser._actions if action.dest == "command")
    separate, submit = (
        {action.dest: set(action.option_strings) for action in command._actions}
        for name, command in dict(choices or {}).items()
        if name in {"separate", "submit"}
    )
    for name in separate.keys() ^ submit.keys():
        flags = separate.get(name, set()) | submit.get(name, set())
        assert flags & documented, name


def test_documented_error_codes_are_complete(root: Path) -> None:
    text = text_of(root / "docs" / "reference" / "errors.md")
    jobs = {quoted(row["Code"])[0] for row in rows_of(text, "## Jobs")}
    assert jobs == {kind.code for kind in RejectedError.__subclasses__()} - {LyricsError.code}
    lyrics = {quoted(row["Code"])[0] for row in rows_of(text, "## Lyrics")}
    assert lyrics == {LyricsError.code} | {kind.code for kind in LyricsError.__subclasses__()}
    statuses = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", text, re.MULTILINE)
    expected = {(str(int(status)), kind.code) for kind, status in STATUSES.items()}
    expected.add(("405", "method_not_allowed"))  # from Starlette
    assert set(statuses) == expected


def test_documented_record_fields_are_complete(root: Path) -> None:
    text = text_of(root / "docs" / "reference" / "job-record.md")
    for heading, kind in (("## Fields", Job), ("## Stems", Stem), ("## Lyrics", Lyrics)):
        listed = [name for row in rows_of(text, heading) for name in quoted(row["Field"])]
        assert sorted(listed) == sorted(field.name for field in fields(kind)), heading


def test_fields_that_the_api_adds_are_documented(root: Path) -> None:
    text = text_of(root / "docs" / "reference" / "api.md")
    additions = text.partition("with these additions:")[2].partition("They leave out")[0]
    added = {
        name
        for kind, view in ((Job, JobView), (Stem, StemView), (LyricsFile, LyricsFileView))
        for name in view.model_fields.keys() - {field.name for field in fields(kind)}
    }
    assert added <= set(quoted(additions))


def test_fields_that_the_api_leaves_out_are_documented(root: Path) -> None:
    (sentence,) = re.findall(
        r"^They leave out (.*), and the `key` of each stem and file\.$",
        text_of(root / "docs" / "reference" / "api.md"),
        re.MULTILINE,
    )
    views: dict[type[Any], type[BaseModel]] = {
        Job: JobView,
        Stem: StemView,
        ResultFile: ResultFileView,
        LyricsFile: LyricsFileView,
    }
    left_out = {
        kind: {field.name for field in fields(kind)} - view.model_fields.keys()
        for kind, view in views.items()
    }
    assert left_out.pop(Job) == set(quoted(sentence))
    assert all(names == {"key"} for names in left_out.values())


def test_documented_exit_statuses_are_those_of_the_program_that_deploys(root: Path) -> None:
    text = text_of(root / "docs" / "operations" / "aws.md")
    rows = rows_of(text, "# Deploy to AWS")
    documented = [row["Exit status of the program"] for row in rows]
    assert documented == re.findall(r"\d+", EXIT_STATUS)
    assert "`make deploy` exits with 2 after any failure" in text


def test_documented_alarms_are_complete(template: dict[str, Any], root: Path) -> None:
    rows = rows_of(text_of(root / "docs" / "operations" / "monitoring.md"), "## Alarms")
    made = [r for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    names = {str(alarm["Properties"]["AlarmName"]) for alarm in made}
    listed = {quoted(row["Alarm"])[0] for row in rows}
    assert len(listed) == len(names)
    assert all(any(name.endswith("-" + alarm + "'}") for name in names) for alarm in listed), names


def test_scale_page_has_the_table_of_the_simulation(root: Path) -> None:
    assert f"\n\n{scale.table()}\n\n" in text_of(root / "docs" / "operations" / "scale.md")


def test_documented_endpoints_are_complete(template: dict[str, Any], root: Path) -> None:
    rows = rows_of(text_of(root / "docs" / "reference" / "api.md"), "# API")
    listed = {quoted(row["Endpoint"])[0] for row in rows}
    routes = [r for r in template["Resources"].values() if r["Type"] == "AWS::ApiGatewayV2::Route"]
    keys = {route["Properties"]["RouteKey"].replace("+}", "}") for route in routes}
    guarded = {key for key in keys if not key.startswith(("HEAD ", "$"))}
    assert listed == guarded | {"GET /healthz", "GET /docs"}


def test_pieces_that_the_page_plays_are_documented(root: Path) -> None:
    page = root / "functions/api/stemdrop_api/web/page"
    track = text_of(page / "track.js")
    (seconds,) = map(int, re.findall(r"SEGMENT_FRAMES = (\d+) \* SAMPLE_RATE_HZ", track))
    (cached,) = map(int, re.findall(r"CACHED_SEGMENTS = (\d+)", track))
    guide, cost = (
        text_of(root / "docs" / page) for page in ("guide/page.md", "operations/cost.md")
    )
    piece = f" {('zero', 'one', 'two', 'three', 'four')[seconds]}-second pieces"
    assert piece in guide
    assert piece in cost
    (ahead_s,) = map(
        int, re.findall(r"PLAIN = { ahead_s: (\d+)", text_of(page / "playback-run.js"))
    )
    channel_frames_per_s = 2 * 44_100
    decoded = (ahead_s + seconds) * channel_frames_per_s * 4 / 1e6
    cached_16, cached_32 = (cached * seconds * channel_frames_per_s * size / 1e6 for size in (2, 4))
    sizes = f"{cached_16 + decoded:.0f} MB of memory ({cached_32 + decoded:.0f} MB at 32 bits)"
    assert f"Each stem takes {sizes}" in re.sub(r"\s+", " ", guide)
