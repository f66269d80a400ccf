"""The cost page, docs/operations/cost.md."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.cost import prices
from benchmarks.cost.bill import (
    DAYS_PER_MONTH,
    IDLE_POLLS,
    KEPT_WARM_S,
    bill,
    kept_months,
    total_usd,
)
from benchmarks.cost.chart import draw
from benchmarks.cost.figures import S3_LATENCY_S, CostFigures, Estimate, MeasuredSystem
from benchmarks.cost.prices import Free
from benchmarks.cost.service_limits import PEAK, limits_table, peak_demand_table
from benchmarks.cost.speedup import MB_PER_PROCESSOR, processors
from benchmarks.cost.traffic import DELIVERY_REQUESTS, Requester, RequestKind
from stemdrop.codecs import Codec
from stemdrop.pricing import (
    MIN_TRANSCRIBED_S,
    USD_PER_TRANSCRIBED_MINUTE,
    transcription_cost_usd,
)

# One processor, the limit of new accounts, two, three and four processors, and the maximum.
SIZES_MB = (1769, 3008, 3538, 5307, 7076, 10240)
SONGS = (10, 1_000, 1_000_000)
FREE = {
    "After the permanent free tier": frozenset({Free.ALWAYS}),
    "After the first year's free tier, too": frozenset(Free),
}
PICTURE = "cost.png"
TEXT = Path(__file__).with_name("page.md")


def write_page(figures: CostFigures, folder: Path) -> str:
    """Write cost.md and cost.png into a folder, and return the page."""
    page = TEXT.read_text().format(**_values(figures))
    (folder / "cost.md").write_text(page)
    draw(figures, SIZES_MB, folder / PICTURE)
    return page


def _values(figures: CostFigures) -> Mapping[str, object]:
    """Return the values for the placeholders of the text."""
    return {
        **_about_runs(figures),
        **_about_bills(figures),
        "picture": PICTURE,
        "runs": _runs(figures),
        "requests": _requests(figures),
        "bill_wav": _bill(figures, Codec.WAV),
        "bill_mp3": _bill(figures, Codec.MP3),
        "peak": PEAK,
        "peak_demand_table": peak_demand_table(figures, SONGS),
        "limits_table": limits_table(figures),
        "prices": _prices(figures),
        "as_of": prices.AS_OF,
    }


def _about_runs(figures: CostFigures) -> Mapping[str, object]:
    cold, warm = figures.ours.models
    return {
        "song": f"{figures.song_s} s",
        "rounds": figures.rounds,
        "cores": figures.ours.cores,
        "mb_per_processor": MB_PER_PROCESSOR,
        "cold_model": f"{cold.fixed_s:.1f} + {cold.shared_s:.1f} / processors",
        "warm_model": f"{warm.fixed_s:.1f} + {warm.shared_s:.1f} / processors",
        "default_mb": figures.template.memory_mb,
        "high_s": figures.high.warm_s,
        "high_ratio": figures.high.warm_s / figures.song(Codec.WAV).separation.warm_s,
        "spleeter_killed": _killed(figures.spleeter),
        "ratios": _ratios(figures),
        "ours_mb": figures.sizes.ours / 1e6,
        "spleeter_mb": figures.sizes.spleeter / 1e6,
    }


def _about_bills(figures: CostFigures) -> Mapping[str, object]:
    template, deployment = figures.template, figures.template.deployment
    return {
        "delivery_requests": DELIVERY_REQUESTS,
        "polls": IDLE_POLLS,
        "polls_usd": IDLE_POLLS * prices.QUEUE_REQUESTS.first_usd,
        "requests_free": prices.QUEUE_REQUESTS.free,
        "metrics": deployment.metrics,
        "route_metrics": template.route_metrics,
        "alarm_metrics": template.alarm_metrics,
        "alarm_usd": prices.ALARMS.first_usd,
        "alarms_free": prices.ALARMS.free,
        "dashboards": template.dashboards,
        "dashboard_usd": prices.DASHBOARDS.first_usd,
        "dashboards_free": prices.DASHBOARDS.free,
        "retention_days": deployment.retention_days,
        "log_retention_days": deployment.log_retention_days,
        "kept_days": kept_months(deployment) * DAYS_PER_MONTH,
        "kept_warm_min": KEPT_WARM_S / 60,
        "s3_latency_ms": S3_LATENCY_S * 1000,
        **_about_lyrics(figures),
    }


def _about_lyrics(figures: CostFigures) -> Mapping[str, object]:
    lyrics_usd = transcription_cost_usd(figures.song_s)
    separation_s = figures.song(Codec.WAV).separation.warm_s
    return {
        "transcribed_minute_usd": USD_PER_TRANSCRIBED_MINUTE,
        "transcribed_min_s": MIN_TRANSCRIBED_S,
        "lyrics_usd": lyrics_usd,
        "lyrics_ratio": lyrics_usd / figures.usd(figures.template.memory_mb, separation_s),
    }


def _runs(figures: CostFigures) -> str:
    heads = ("Memory", "Processors", "Cold start", "Warm", "GB-s", "USD per song", "USD per 1,000")
    rows = [
        _row(*heads, *(f"Spleeter: {head}" for head in ("cold start", "warm", "USD per 1,000")))
    ]
    rows.append(_row(*("---:" for _ in range(10))))
    for memory_mb in SIZES_MB:
        ours, other = figures.ours.estimate(memory_mb), figures.spleeter.estimate(memory_mb)
        cells = [f"{memory_mb:,} MB", f"{processors(memory_mb):.2f}"]
        cells += [*_ours(figures, memory_mb, ours), *_other(figures, memory_mb, other)]
        rows.append(_row(*cells))
    return "\n".join(rows)


def _ours(figures: CostFigures, memory_mb: int, found: Estimate | None) -> Iterable[str]:
    if found is None:
        return ("out of memory", "", "", "", "")
    usd = figures.usd(memory_mb, found.warm_s)
    gb_seconds = memory_mb / 1024 * found.warm_s
    cells = (f"{found.cold_s:.1f} s", f"{found.warm_s:.1f} s", f"{gb_seconds:.1f}")
    return _marked(found, *cells, f"{usd:.6f}", f"{1000 * usd:.2f}")


def _other(figures: CostFigures, memory_mb: int, found: Estimate | None) -> Iterable[str]:
    if found is None:
        return ("out of memory", "", "")
    usd = 1000 * figures.usd(memory_mb, found.warm_s)
    return _marked(found, f"{found.cold_s:.1f} s", f"{found.warm_s:.1f} s", f"{usd:.2f}")


def _marked(found: Estimate, *cells: str) -> Iterable[str]:
    return cells if found.is_measured else (f"*{cell}*" for cell in cells)


def _killed(system: MeasuredSystem) -> str:
    sizes = ", ".join(f"{size:,}" for size in sorted(system.killed))
    return f"ran out of memory at {sizes} MB" if sizes else "ran at all of these sizes"


def _ratios(figures: CostFigures) -> str:
    said = [
        f"at {size:,} MB, Spleeter takes {ratio.warm_s:.1f} times as long as stemdrop, and "
        f"{ratio.cold_s:.1f} times as long for a cold start"
        for size, ratio in sorted(figures.ratios().items())
    ]
    return "; ".join(said) or "no measured size ran both"


def _requests(figures: CostFigures) -> str:
    rows = [_row("Per song", *(f"{codec} stems" for codec in figures.traffic)), "|---|---:|---:|"]
    for name, kind, who in (
        ("S3 writes by the separator", RequestKind.WRITE, Requester.SEPARATOR),
        ("S3 writes by the API", RequestKind.WRITE, Requester.API),
        ("S3 writes by the client", RequestKind.WRITE, Requester.CLIENT),
        ("S3 reads by the separator", RequestKind.READ, Requester.SEPARATOR),
        ("S3 reads by the API", RequestKind.READ, Requester.API),
        ("S3 reads by the client", RequestKind.READ, Requester.CLIENT),
        ("API requests", RequestKind.CALL, Requester.CLIENT),
        ("SNS messages", RequestKind.MESSAGE, Requester.SEPARATOR),
    ):
        counts = (traffic.count(kind, who) for traffic in figures.traffic.values())
        rows.append(_row(name, *map(str, counts)))
    rows.append(
        _row("SQS requests", *(str(each.queue_requests) for each in figures.traffic.values()))
    )
    for name, of in (("Song", "uploaded_bytes"), ("Stems", "stems_bytes"), ("Logs", "logs_bytes")):
        sizes = (getattr(traffic, of) / 1e6 for traffic in figures.traffic.values())
        rows.append(_row(f"{name} (MB)", *(f"{size:.3g}" for size in sizes)))
    return "\n".join(rows)


def _bill(figures: CostFigures, codec: Codec) -> str:
    bills = [bill(figures.song(codec), figures.template.deployment, songs) for songs in SONGS]
    rows = [
        _row("USD per month", "Quantity (last column)", *(f"{songs:,} songs" for songs in SONGS))
    ]
    rows.append(_row("---", "---:", *("---:" for _ in SONGS)))
    for lines in zip(*bills, strict=True):
        last = lines[-1]
        takes = f"{_quantity(last.quantity)} {last.price.unit}"
        rows.append(_row(last.item, takes, *(_usd(line.usd()) for line in lines)))
    rows.append(_row("**Total**", "", *(f"**{_usd(total_usd(lines))}**" for lines in bills)))
    for name, free in FREE.items():
        rows.append(_row(name, "", *(_usd(total_usd(lines, free)) for lines in bills)))
    return "\n".join(rows)


def _prices(figures: CostFigures) -> str:
    rows = [_row("Item", "Unit", "USD per unit", "Free per month", "Source")]
    rows.append("|---|---|---:|---:|---|")
    for line in bill(figures.song(Codec.WAV), figures.template.deployment, 1):
        price = line.price
        usd = f"{price.first_usd:.10f}".rstrip("0")
        free = f"{price.free:,.10g}, {price.lasts}" if price.free else ""
        rows.append(_row(line.item, price.unit, usd, free, price.source))
    return "\n".join(rows)


def _quantity(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _usd(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.01 or not value else "< 0.01"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
