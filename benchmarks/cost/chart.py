"""The chart of the cost page: duration and cost of a song over the memory size."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cost.figures import CostFigures, Estimate, MeasuredSystem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHER = "#2a7f8e", "#909090"
Value = Callable[[int, Estimate], float]


def draw(figures: CostFigures, sizes_mb: Sequence[int], path: Path) -> None:
    """Draw both systems as PNG. Dots are measured values, circles are estimates."""
    from matplotlib.figure import Figure

    panels: tuple[tuple[str, Value], ...] = (
        ("seconds of a song, not the first", lambda _, found: found.warm_s),
        (
            "USD of compute for 1,000 songs",
            lambda size, found: 1000 * figures.usd(size, found.warm_s),
        ),
    )
    picture = Figure(figsize=(9, 3), dpi=100, layout="constrained")
    for axes, (title, value) in zip(picture.subplots(1, 2), panels, strict=True):
        _plot(axes, figures.spleeter, sizes_mb, value, OTHER, "Spleeter")
        _plot(axes, figures.ours, sizes_mb, value, OURS, "stemdrop")
        axes.set_title(title, loc="left", fontsize="medium", fontweight="bold")
        axes.set_xlabel("memory (MB)")
        axes.set_xlim(0, 1.05 * max(sizes_mb))
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#e8e8e8")
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    picture.savefig(path)


def _plot(
    axes: "Axes",
    system: MeasuredSystem,
    sizes_mb: Sequence[int],
    value: Value,
    color: str,
    name: str,
) -> None:
    found = [(size, estimate) for size in sizes_mb if (estimate := system.estimate(size))]
    values = [value(size, estimate) for size, estimate in found]
    axes.plot([size for size, _ in found], values, "--", color=color, linewidth=1)
    for (size, estimate), at in zip(found, values, strict=True):
        fill = color if estimate.is_measured else "white"
        axes.plot([size], [at], "o", color=color, markerfacecolor=fill)
    axes.plot([], [], "o", color=color, label=name)
