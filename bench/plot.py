"""The figures of `bench locate` as a picture: µs per point against the number of geofences, a panel per map and kind
of points. Needs matplotlib, which only developers have."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.locate_figures import BATCHES, ENGINES, H3, Case, Figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")
# Told apart by people who see few colours, too (Okabe and Ito); the batch is told by marker and line.
_COLOURS = dict(zip(ENGINES, ("#767676", "#0072b2", "#e69f00", "#d55e00"), strict=True))
_STYLES: dict[int, tuple[str, Literal["-", "--", "-.", ":"]]] = {
    1: ("o", "-"),
    100: ("s", "--"),
    1_000: ("^", "-."),
    10_000: ("D", ":"),
}
_MAPS = {"city": "geofences in cities", "uniform": "geofences spread evenly"}
_KINDS = {"ping": "pings", "hot": "hot pings, aimed at geofences"}


def refusal(path: Path) -> str | None:
    """Why no picture can be written there, and what to do about it; None if one can."""
    if path.suffix.lower() not in FORMATS:
        return f"{path} is neither .svg nor .png; give --plot one of these"
    if not path.absolute().parent.is_dir():
        return f"{path.absolute().parent} is no folder; make it, or give --plot another"
    return None


def missing_library() -> str | None:
    """What to install if there is nothing to draw with."""
    if importlib.util.find_spec("matplotlib") is None:
        return "There will be no picture, only tables: matplotlib is not installed (pip install matplotlib)."
    return None


def write_plot(figures: Figures, path: Path) -> None:
    """Draws all lookups of a run into an .svg or .png file."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    maps = list(dict.fromkeys(case.fence_map for case in figures.found))
    kinds = list(dict.fromkeys(case.kind for case in figures.found))
    # Text stays text in an SVG; the salt makes its ids the same in every run.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench locate", "font.size": 10}):
        figure = Figure(figsize=(5.6 * len(kinds) + 2.0, 4.2 * len(maps) + 0.6), layout="constrained")
        panels = figure.subplots(len(maps), len(kinds), sharex=True, sharey=True, squeeze=False)
        for row, fence_map in zip(panels, maps, strict=True):
            for panel, kind in zip(row, kinds, strict=True):
                cases = [case for case in figures.found if (case.fence_map, case.kind) == (fence_map, kind)]
                _draw(panel, figures, sorted(cases, key=lambda case: case.fences))
                panel.set_title(f"{_MAPS[fence_map]}, {_KINDS[kind]}", loc="left", fontsize=10)
        for panel in panels[-1]:
            panel.set_xlabel("number of geofences")
        for row in panels:
            row[0].set_ylabel("time per point (µs)")
        _legend(figure, figures)
        figure.suptitle(
            "Finding the geofences of a point (median of rounds; to STRtree and PostGIS circles are 64-gons)",
            fontsize=12,
        )
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)


def _draw(panel: "Axes", figures: Figures, cases: Sequence[Case]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    panel.set_xscale("log")
    panel.set_yscale("log")
    for engine in ENGINES:
        for batch in BATCHES:
            told = [(case.fences, us) for case in cases if (us := figures.us(case, engine, batch)) is not None]
            if told:
                marker, line = ("", "-") if engine == H3 else _STYLES[batch]
                panel.plot(
                    *zip(*told, strict=True), color=_COLOURS[engine], marker=marker, linestyle=line, markersize=5
                )
    sizes = [case.fences for case in cases]
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.grid(visible=True, color="#dddddd")
    panel.set_axisbelow(True)


def _legend(figure: "Figure", figures: Figures) -> None:
    from matplotlib.lines import Line2D

    measured = {engine for _, engine, _ in figures.rounds_us}
    colours = [
        Line2D([], [], color=_COLOURS[engine], linewidth=3, label=engine) for engine in ENGINES if engine in measured
    ]
    styles = [
        Line2D([], [], color="black", marker=marker, linestyle=line, markersize=5, label=f"{batch:,}")
        for batch, (marker, line) in _STYLES.items()
    ]
    figure.legend(
        handles=[*colours, Line2D([], [], linestyle="", label="points at once:"), *styles], loc="outside right upper"
    )
