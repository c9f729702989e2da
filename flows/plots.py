"""A month's plots, as SVG that stands inside a page: no scripts, no fonts, no network."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from matplotlib.axes import Axes

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # the reader's own fonts
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#94a3b8",
    "axes.labelcolor": "#475569",
    "xtick.color": "#475569",
    "ytick.color": "#475569",
    "axes.axisbelow": True,
}
COLOURS = (
    *("#2563eb", "#0d9488", "#d97706", "#9333ea", "#dc2626"),
    *("#65a30d", "#0891b2", "#db2777", "#475569", "#ca8a04"),
)
OTHERS = "#cbd5e1"
MOST_SERIES, MOST_TICKS = 10, 10
LONGEST_NAME = 40
WIDTH = 9.0
LETTER, EDGE = 0.075, 0.15
"""Inches of a letter, and around a plot.

Room is made by counting letters: matplotlib's layout measures all text, in a font that is not the reader's.
"""
LEGEND_MARK = 0.35
AXIS_ROOM = 0.5
"""For an axis's numbers and its label, across."""
BAR_WIDTH = 0.8


def usage_per_day(days: pd.DataFrame, unit_seconds: int, unit: str, every_day: Iterable[date]) -> str:
    """Bars for each day, stacked by allocation: the ten largest by name, the rest together.

    `days`: rows by day and account with `tres_seconds`, of one component.
    """
    table = days.pivot_table(index="day", columns="account", values="tres_seconds", aggfunc="sum")
    table = table.reindex(list(every_day)).fillna(0) / unit_seconds
    largest = table.sum().sort_values(ascending=False).index
    series = {name: (table[name], COLOURS[n]) for n, name in enumerate(largest[:MOST_SERIES])}
    if len(largest) > MOST_SERIES:
        rest = largest[MOST_SERIES:]
        series[f"{len(rest)} others"] = (table[rest].sum(axis="columns"), OTHERS)
    names = [shortened(str(name)) for name in series]
    numbers = len(f"{table.sum(axis='columns').max():,.0f}")
    with mpl.rc_context(STYLE):
        room = 2 * EDGE + LETTER * max(len(name) for name in names)
        figure, axes = _canvas(3.0, AXIS_ROOM + LETTER * numbers, EDGE + LEGEND_MARK + room)
        bottom = pd.Series(0.0, index=table.index)
        positions = [day.day for day in table.index]
        for name, (values, colour) in zip(names, series.values(), strict=True):
            top = bottom + values
            corners = [_corners(*one) for one in zip(positions, bottom, top, strict=True)]
            axes.add_collection(PolyCollection(corners, facecolors=colour, label=name))
            bottom = top
        axes.autoscale_view()
        axes.set_ylim(bottom=0)
        axes.set_xlim(positions[0] - 0.6, positions[-1] + 0.6)
        axes.set_xticks(positions[:: -(-len(positions) // MOST_TICKS)])
        axes.set_ylabel(unit)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y", color="#e2e8f0", linewidth=0.6)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
        return _svg(figure)


def shortened(name: str) -> str:
    """A name that leaves room for its bar; an underscore at its front would hide it from a legend."""
    text = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return f"\u200b{text}" if text.startswith("_") else text


def _corners(place: float, bottom: float, top: float) -> list[tuple[float, float]]:
    """A bar. Matplotlib's own are an artist each, which takes most of a plot's time."""
    left, right = place - BAR_WIDTH / 2, place + BAR_WIDTH / 2
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


def _canvas(height: float, left: float, right: float) -> tuple[Figure, Axes]:
    """A plot with so many inches at its sides, and room for an axis below."""
    figure = Figure(figsize=(WIDTH, height))
    figure.patch.set_alpha(0)
    wide, high = WIDTH - left - right, height - AXIS_ROOM - EDGE
    axes = figure.add_axes((left / WIDTH, AXIS_ROOM / height, wide / WIDTH, high / height))
    axes.patch.set_alpha(0)
    return figure, axes


def _svg(figure: Figure) -> str:
    """The picture from `<svg` on: what stands before it belongs to files."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
