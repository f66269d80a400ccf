"""The tables and the chart of an evaluation."""

import math
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.bss_eval import FIGURES, StemScore, over_songs
from benchmarks.separation_systems import SeparationSystem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEGIN, END = "<!-- figures of make evaluate -->", "<!-- end of the figures -->"
COLORS = ("#b0b0b0", "#e0a030", "#2a7f8e", "#8e2a6f", "#5a8e2a", "#303030")


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """Scores of one song, separated by one system.

    Attributes
    ----------
    scores : Score of each stem.
    network_s_per_minute : Processor seconds of the network per minute of audio, if known.
    """

    song: str
    system: SeparationSystem
    scores: dict[str, StemScore]
    network_s_per_minute: float | None


def write_page(results: list[EvaluationResult], path: Path) -> str:
    """Write tables and a chart between the markers of a page, and return the tables.

    Parameters
    ----------
    path : Path of the page. The chart has the same name with the suffix .png.
    """
    picture = path.with_suffix(".png")
    tables = f"{BEGIN}\n{tabulate(results)}\n![SDR of every song]({picture.name})\n\n{END}"
    page = path.read_text() if path.is_file() else ""
    marked = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    page = marked.sub(lambda _: tables, page) if marked.search(page) else tables + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    draw(results, picture)
    return tables


def tabulate(results: list[EvaluationResult]) -> str:
    """Return two tables per model: medians over songs, and the SDR of every song."""
    lines = []
    for model in _ordered(result.system.model for result in results):
        own = [result for result in results if result.system.model is model]
        songs = _ordered(result.song for result in own)
        lines += [f"### {model}, medians of {len(songs)} songs", "", *_medians(own), ""]
        lines += [f"### {model}, SDR of each song", "", *_songs(own, songs), ""]
    return "\n".join(lines)


def _medians(results: list[EvaluationResult]) -> list[str]:
    columns = ["stem", "system", *FIGURES.values(), "network, s/min"]
    rows = [_row(columns), _row("---" for _ in columns)]
    for stem in _stems(results):
        for system in _ordered(result.system for result in results):
            own = [result for result in results if result.system == system]
            scores = [result.scores[stem] for result in own if stem in result.scores]
            if scores:
                figures = [_decibels(value) for value in astuple(over_songs(scores))]
                rows.append(_row([stem, str(system), *figures, _network(own)]))
    return rows


def _songs(results: list[EvaluationResult], songs: list[str]) -> list[str]:
    stems = _stems(results)
    ways = _ordered(result.system for result in results)
    found = {(result.song, result.system): result.scores for result in results}
    columns = ["song", *(f"{stem}: {way}" for stem in stems for way in ways)]
    rows = [_row(columns), _row("---" for _ in columns)]
    for song in songs:
        scores = [found[song, way].get(stem) for stem in stems for way in ways]
        rows.append(
            _row([song, *("" if score is None else _decibels(score.sdr) for score in scores)])
        )
    return rows


def _network(results: list[EvaluationResult]) -> str:
    known = [r.network_s_per_minute for r in results if r.network_s_per_minute is not None]
    return f"{sum(known) / len(known):.2f}" if known else ""


def _decibels(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _stems(results: list[EvaluationResult]) -> list[str]:
    return _ordered(stem for result in results for stem in result.scores)


def _ordered(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))


def draw(results: list[EvaluationResult], path: Path) -> None:
    """Draw the SDR of every song, a panel per stem and a color per system, as PNG."""
    from matplotlib.figure import Figure

    stems = _ordered((r.system.model, stem) for r in results for stem in r.scores)
    songs = _ordered(result.song for result in results)
    names = _ordered(str(result.system) for result in results)
    size = (2 + 3.4 * max(len(stems), 1), 1.6 + 0.28 * len(songs))
    picture = Figure(figsize=size, dpi=100, layout="constrained")
    panels = picture.subplots(1, max(len(stems), 1), sharey=True, squeeze=False)[0]
    panels[0].set_yticks(range(len(songs)), songs)
    panels[0].set_ylim(len(songs) - 0.5, -0.5)
    for panel, (model, stem) in zip(panels, stems, strict=False):
        panel.set_title(f"{stem} ({model})", loc="left", fontsize="medium", fontweight="bold")
        own = [r for r in results if r.system.model is model and stem in r.scores]
        for index, name in enumerate(names):
            found = {r.song: r.scores[stem].sdr for r in own if str(r.system) == name}
            _dots(panel, found, songs, name, index)
        panel.grid(axis="y", color="#e8e8e8")
        panel.set_xlabel("SDR (dB)")
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small")
    picture.savefig(path)


def _dots(panel: "Axes", found: dict[str, float], songs: list[str], name: str, index: int) -> None:
    """Draw a system. Each system's dots are smaller than those of the previous one."""
    rows = [songs.index(song) for song in found]
    color, size = COLORS[index % len(COLORS)], max(12 - 3.5 * index, 3)
    panel.plot(list(found.values()), rows, "o", color=color, label=name, markersize=size)
