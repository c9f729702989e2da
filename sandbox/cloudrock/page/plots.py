"""What was told over time, as SVG inside the page, in the page's own colours."""

from __future__ import annotations

import io
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

INK, ACCENT, ALERT = "#010203", "#010204", "#010205"
"""They stand for the page's own colours: a picture must be read on light and on dark."""
THEME = {INK: "currentColor", ACCENT: "var(--accent)", ALERT: "var(--bad)"}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # the reader's own fonts
    "svg.hashsalt": "page",  # the same picture has the same text
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}
WIDTH, HEIGHT = 8.0, 1.7
NEAR = 4
"""A limit farther away than so many times the amount would press the amount flat: it is left out."""
ONE_AT_A_TIME = threading.Lock()
"""matplotlib's settings belong to the whole process."""


class Series(NamedTuple):
    """What was told of one component."""

    name: str
    unit: str
    points: tuple[tuple[datetime, int], ...]
    """When, and the amount that held from then on."""
    limit: int | None


@lru_cache(maxsize=64)
def told(series: tuple[Series, ...], begin: datetime, end: datetime) -> str:
    """One picture for each component, one above the other: the amount as it was known at each time."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second, and only people look at pages
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    with ONE_AT_A_TIME, mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT * len(series)), layout="constrained")
        figure.patch.set_alpha(0)
        rows = figure.subplots(len(series), 1, sharex=True, squeeze=False)
        for (axes,), one in zip(rows, series, strict=True):
            _draw(axes, one, begin, end)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    for stand_in, colour in THEME.items():
        text = text.replace(stand_in, colour)
    return text[text.index("<svg") :]


def _draw(axes: Axes, series: Series, begin: datetime, end: datetime) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - the same
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - the same

    times = [begin, *(at for at, _ in series.points), end]
    amounts = [0, *(amount for _, amount in series.points)]
    amounts.append(amounts[-1])
    dates: Any = times  # matplotlib takes them; its type hints do not say so
    axes.patch.set_alpha(0)
    axes.fill_between(dates, amounts, step="post", color=ACCENT, alpha=0.25, linewidth=0)
    axes.step(dates, amounts, where="post", color=ACCENT, linewidth=1.6)
    if series.limit is not None and 0 < series.limit <= NEAR * max(amounts):
        axes.axhline(series.limit, color=ALERT, linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0, top=None if max(amounts) else 1)
    axes.set_xlim(begin, end)  # type: ignore[arg-type] # the same
    axes.set_title(f"{series.name}, {series.unit}", loc="left", fontsize=9, color=INK)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    locator = AutoDateLocator(maxticks=8, tz=begin.tzinfo)  # type: ignore[no-untyped-call] # the same
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=begin.tzinfo))  # type: ignore[no-untyped-call] # the same
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
