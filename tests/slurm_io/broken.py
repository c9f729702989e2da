"""Good text made bad, for the parsers' laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator


def broken_lines(good: str) -> Iterator[str]:
    """The text cut off after each character that ends no line."""
    for end in range(1, len(good)):
        if good[end - 1] != "\n":
            yield good[:end]


@st.composite
def garbled(draw: st.DrawFn, good: str) -> str:
    """Good text with a piece replaced by anything."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 8)))
    return (
        good[:start]
        + draw(st.text(max_size=6) | st.text("0123456789.=,|\nKMGTP?-", max_size=25))
        + good[end:]
    )
