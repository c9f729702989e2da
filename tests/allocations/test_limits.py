"""Limits as sacctmgr shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.limits import as_shown, as_stored


@pytest.mark.parametrize(
    ("tres", "minutes", "text"),
    [
        ("cpu", 1048576, "1048576"),
        ("gres/gpu", 0, "0"),
        ("mem", 0, "0"),
        ("mem", 1023, "1023M"),
        ("mem", 1024, "1G"),
        ("mem", 1152, "1152M"),
        ("mem", 1536, "1.50G"),
        ("mem", 614400000, "600000G"),
        ("mem", 1054208, "1029.50G"),
        ("mem", 1049088, "1.00T"),
        ("mem", 2**30, "1P"),
        ("mem", 2**40, "1?"),
        ("mem", 2**40 * 1536, "1.50?"),
    ],
)
def test_limits_are_shown_as_slurm_22_05_was_seen_to_show_them(tres: str, minutes: int, text: str) -> None:
    assert as_shown(tres, minutes) == text


MEMORY_LIMITS = st.integers(0, 2**53) | st.integers(0, 2**44).map(lambda blocks: blocks * 512)


@given(st.sampled_from(["cpu", "mem"]), MEMORY_LIMITS)
def test_the_nearest_limit_that_looks_like_the_text_looks_like_it(tres: str, minutes: int) -> None:
    text = as_shown(tres, minutes)
    power = "MGTP?".find(text[-1]) if tres == "mem" and minutes else 0
    nearest = round(float(text.rstrip("MGTP?")) * 1024**power) if power else minutes
    if "??" not in text and nearest < 2**50:
        assert as_shown(tres, as_stored(tres, text, nearest)) == text


def test_a_text_that_no_limit_looks_like_stands_for_the_nearest() -> None:
    assert as_stored("mem", "4.25G", 4352) == 4352
