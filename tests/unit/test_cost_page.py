"""The cost page with sample values."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cost.bill import BilledDeployment
from benchmarks.cost.cost_page import SIZES_MB, TEXT, write_page
from benchmarks.cost.durations import InvocationDurations
from benchmarks.cost.figures import CostFigures, MeasuredSystem, Sizes, Template
from benchmarks.cost.template import read_template
from benchmarks.cost.traffic import Request, Requester, RequestKind, Traffic
from stemdrop.codecs import Codec
from stemdrop_local.deployment import ROOT, TEMPLATE
from stemdrop_local.template_file import load_template

PARAMETERS = load_template(TEMPLATE)["Parameters"]
NAME = re.compile(r"`([A-Z][A-Za-z]+[a-z][A-Za-z]*)`")


def rounds(*pairs: tuple[float, float]) -> list[InvocationDurations]:
    return [InvocationDurations(*pair) for pair in pairs]


def traffic(stems_bytes: int) -> Traffic:
    kinds = {
        (Requester.SEPARATOR, RequestKind.WRITE): 17,
        (Requester.SEPARATOR, RequestKind.READ): 5,
        (Requester.API, RequestKind.WRITE): 1,
        (Requester.API, RequestKind.READ): 6,
        (Requester.CLIENT, RequestKind.WRITE): 1,
        (Requester.CLIENT, RequestKind.READ): 2,
        (Requester.CLIENT, RequestKind.CALL): 7,
    }
    requests = [Request(*what, "/", 1000) for what, count in kinds.items() for _ in range(count)]
    return Traffic(tuple(requests), 4_320_000, stems_bytes, ('{"message": "a line"}',) * 9)


def figures(killed: frozenset[int] = frozenset({1769, 3008})) -> CostFigures:
    """Return figures of a machine with two cores."""
    ours = {1769: rounds((11, 10), (12, 9), (13, 11)), 3008: rounds((8, 6)), 3538: rounds((7, 5.5))}
    # At 3008 MB, one round succeeded before one was killed.
    other = {1769: [], 3008: rounds((99, 99)), 3538: rounds((36, 22))}
    if not killed:
        other = {size: rounds((60, 40)) * len(ours[size]) for size in other}
    return CostFigures(
        song_s=180,
        rounds=3,
        ours=MeasuredSystem(ours, cores=2),
        spleeter=MeasuredSystem(other, 2, killed, shares={1.0: rounds((60, 40))}),
        high=InvocationDurations(12, 9),
        traffic={Codec.WAV: traffic(63_500_000), Codec.MP3: traffic(8_640_000)},
        api_cpu_s=(0.6, 0.005),
        sizes=Sizes(ours=640_000_000, spleeter=2_400_000_000, kept=250_000_000),
        template=Template(
            deployment=BilledDeployment("x86_64", 4096, 7, 30, 250_000_000, 5),
            route_metrics=0,
            alarm_metrics=9,
            dashboards=1,
            memory_mb=3008,
            api_memory_mb=1024,
            timeout_s=300,
            max_duration_s=3600,
            rate_limit=50,
            concurrency=5,
            message_age_s=345600,
        ),
    )


def table(page: str, first: str) -> list[list[str]]:
    """Return the cells of the table whose header starts with some words."""
    (_, _, rest) = page.partition(f"| {first}")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(figures(), tmp_path_factory.mktemp("page"))


def test_page_has_its_headings(page: str) -> None:
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings[:2] == ["# Cost", "## Cost of a song by memory size"]


def test_page_distinguishes_measured_and_estimated_sizes(page: str) -> None:
    rows = {row[0]: row[1:] for row in table(page, "Memory")}
    assert len(rows) == len(SIZES_MB)
    # 10 s with 1769 MB are 17.3 GB-s, 0.000288 USD.
    assert rows["1,769 MB"][:7] == [
        "1.00",
        "12.0 s",
        "10.0 s",
        "17.3",
        "0.000288",
        "0.29",
        "out of memory",
    ]
    assert rows["3,538 MB"][6:] == ["36.0 s", "22.0 s", "1.27"]
    for size in ("5,307 MB", "7,076 MB", "10,240 MB"):
        assert all(cell.startswith("*") and cell.endswith("*") for cell in rows[size][1:])
    # On one processor 40 s, on two 22 s: 4 s and 36 processor seconds, so 16 s on three.
    assert rows["5,307 MB"][7] == "*16.0 s*"
    assert "Spleeter ran out of memory at 1,769, 3,008 MB" in page


def test_ratios_cover_only_sizes_that_ran_both(page: str) -> None:
    # 22 s and 36 s, against 5.5 s and 7 s.
    assert figures().ratios().keys() == {3538}
    assert "at 3,538 MB, Spleeter takes 4.0 times as long as stemdrop, and 5.1 times" in page


def test_page_without_out_of_memory_says_so(tmp_path: Path) -> None:
    page = write_page(figures(killed=frozenset()), tmp_path)
    assert "Spleeter ran at all of these sizes" in page
    assert "| out of memory |" not in page


def test_machine_with_all_processors_has_no_estimates(tmp_path: Path) -> None:
    all_sizes = {size: rounds((9, 8)) for size in SIZES_MB}
    made = figures()
    one = replace(
        made, ours=MeasuredSystem(all_sizes, cores=8), spleeter=MeasuredSystem(all_sizes, cores=8)
    )
    rows = table(write_page(one, tmp_path), "memory")
    assert not any("*" in cell for row in rows for cell in row)


def test_bills_add_up(page: str) -> None:
    rows = table(page, "USD per month")
    names = [row[0] for row in rows]
    end = names.index("**Total**")
    assert "SQS: requests" in names[:end]
    month = sum(float(row[4].replace(",", "")) for row in rows[:end])
    assert float(rows[end][4].strip("*").replace(",", "")) == pytest.approx(month, rel=1e-5)
    free = [float(row[4].replace(",", "")) for row in rows[-2:]]
    assert free[1] < free[0] < month


def test_lyrics_have_their_own_price(page: str) -> None:
    # Three minutes, against 6 s at 3,008 MB.
    ratio = 3 * 0.024 / figures().usd(3008, 6)
    price = f"0.072 USD for this song, about\n{ratio:.0f} times its separation"
    assert price in page


def test_demand_beyond_a_limit_is_bold(page: str, tmp_path: Path) -> None:
    rows = {row[0]: row[1:] for row in table(page, "At peak")}
    # Ten times a million songs a month with 7 calls each are 27 calls a second, of 50.
    assert rows["API requests per second"] == ["0.00027", "0.027", "27", "50"]
    slow = figures()
    tight = replace(slow, template=replace(slow.template, rate_limit=20))
    assert "| **27** | 20 |" in write_page(tight, tmp_path)


def test_the_page_and_its_picture_are_written(tmp_path: Path) -> None:
    page = write_page(figures(), tmp_path)
    assert (tmp_path / "cost.md").read_text() == page
    (picture,) = re.findall(r"!\[.*?\]\((.+?)\)", page)
    assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert not re.search(r"[{}]", page)


def test_named_parameters_exist(page: str) -> None:
    named = set(NAME.findall(page))
    assert {"SeparateMemoryMb", "SeparateConcurrency", "RetentionDays", "ApiRateLimit"} <= named
    bootstrap = load_template(ROOT / "infra" / "bootstrap.yaml")["Parameters"]
    assert named - {"DetailedMetricsEnabled"} <= PARAMETERS.keys() | bootstrap.keys()


def test_template_has_the_expected_figures() -> None:
    template = read_template({"SeparateMemoryMb": "5307", "LogRetentionDays": "14"})
    assert template.memory_mb == 5307
    assert template.deployment.log_retention_days == 14
    default = read_template()
    for value, name in (
        (default.deployment.retention_days, "RetentionDays"),
        (default.deployment.scratch_mb, "SeparateStorageMb"),
        (default.timeout_s, "SeparateTimeoutS"),
        (default.concurrency, "SeparateConcurrency"),
        (default.rate_limit, "ApiRateLimit"),
    ):
        assert value == int(PARAMETERS[name]["Default"])
    assert default.message_age_s == 4 * 86_400
    # Of the eight alarms, that of rejected songs evaluates two metrics.
    assert default.alarm_metrics == 9
    assert default.dashboards == 1
    assert default.with_counts(5, 7).deployment.image_bytes == 7
    assert default.with_counts(5, 7).deployment.metrics == default.deployment.metrics + 5


def test_page_text_contains_no_figures() -> None:
    """Measured values must be placeholders, so that sentences are true for every run."""
    text = TEXT.read_text()
    assert not re.search(r"\d+(\.\d+)? (USD|GB-s|times)", text)
