"""Horizontal bars as HTML: a name, a bar and its number in a line, which one can select and copy."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_BARS = 15
SMALLEST_PERCENTAGE = 0.1
CSS = """
table.bars { width: auto; min-width: 60%; } table.bars td { border: 0; padding: .15rem .6rem; }
table.bars td.bar { width: 28rem; } table.bars .whole { background: #f1f5f9; }
table.bars i { display: block; height: .9rem; background: #2563eb; }
table.bars i.over { background: #dc2626; }
"""


def bars(values: Mapping[str, float], unit: str) -> str:
    """Amounts in a unit, the largest first; the longest bar is the largest amount's."""
    longest = max(values.values(), default=0) or 1
    return _table(values, longest, lambda number: f"{number:,.0f} {unit}")


def share_bars(shares: Mapping[str, float]) -> str:
    """Shares of a limit, 1.0 for all of it, which fills a line; beyond that they are red, and fill it."""
    longest = max((1.0, *shares.values()))
    return _table(shares, longest, lambda share: percentage(share * 100), over=1.0)


def percentage(number: float) -> str:
    """One decimal, and as many as it takes where that would show nothing."""
    return f"{number:.1f} %" if number == 0 or number >= SMALLEST_PERCENTAGE else f"{number:.2g} %"


def _table(
    values: Mapping[str, float], longest: float, words: Callable[[float], str], over: float = math.inf
) -> str:
    """The largest values' lines, names escaped."""
    shown = sorted(values.items(), key=lambda one: -one[1])[:MOST_BARS]
    lines = [
        f"<tr><td>{escape(name)}</td><td class=bar>{_bar(value / longest, is_over=value > over)}</td>"
        f"<td class=n>{escape(words(value))}</td></tr>"
        for name, value in shown
    ]
    if more := len(values) - len(shown):
        lines.append(f"<tr><td>{more} more</td><td></td><td></td></tr>")
    return f"<table class=bars>{''.join(lines)}</table>"


def _bar(part: float, *, is_over: bool) -> str:
    return f'<div class=whole><i{" class=over" if is_over else ""} style="width:{part:.2%}"></i></div>'
