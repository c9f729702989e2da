"""Horizontal bars as HTML."""

from __future__ import annotations

import re

import pytest

from flows.bars import MOST_BARS, bars, percentage, share_bars

pytestmark = pytest.mark.fast


def widths(html: str) -> list[float]:
    return [float(width) for width in re.findall(r"width:([\d.]+)%", html)]


def test_the_largest_comes_first_and_fills_the_line() -> None:
    html = bars({"small": 1, "large": 4, "middle": 2}, "h")
    assert re.findall(r"<tr><td>(\w+)", html) == ["large", "middle", "small"]
    assert widths(html) == [100, 50, 25]
    assert "4 h" in html


def test_of_more_than_are_shown_it_is_said_how_many() -> None:
    values = {f"u{number}": number + 1.0 for number in range(MOST_BARS + 3)}
    html = bars(values, "h")
    assert len(widths(html)) == MOST_BARS
    assert "<td>3 more</td>" in html


def test_a_share_beyond_the_limit_is_marked_and_one_that_is_all_of_it_is_not() -> None:
    html = share_bars({"over": 1.001, "all": 1.0})
    assert re.findall(r"<td>(\w+)</td><td class=bar><div class=whole><i( class=over)?", html) == [
        ("over", " class=over"),
        ("all", ""),
    ]


def test_a_share_s_line_is_the_whole_limit_and_longer_only_where_somebody_is_beyond_it() -> None:
    assert widths(share_bars({"half": 0.5, "little": 0.001})) == [50, 0.1]
    assert widths(share_bars({"twice": 2.0, "half": 0.5})) == [100, 25]


def test_nothing_but_zeros_is_lines_without_a_bar() -> None:
    assert widths(bars({"ada": 0.0, "max": 0.0}, "h")) == [0, 0]


def test_a_name_and_a_unit_are_text() -> None:
    html = bars({"<b>": 1}, "<i>")
    assert "&lt;b&gt;" in html
    assert "1 &lt;i&gt;" in html


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0.0 %"), (100, "100.0 %"), (0.1, "0.1 %"), (0.0123, "0.012 %")]
)
def test_a_percentage_shows_something_where_there_is_something(number: float, words: str) -> None:
    assert percentage(number) == words
