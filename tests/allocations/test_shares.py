"""Users' shares: whole numbers that add up to what the account is billed."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.billing import amount_of
from allocations.components import parse_components
from allocations.shares import seconds_by_user, shares_of, user_amounts

SECONDS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 10**12), max_size=8)
FACTORS = st.integers(1, 10**6)


@given(SECONDS, FACTORS)
def test_the_users_of_an_account_add_up_to_its_amount(seconds: dict[str, int], factor: int) -> None:
    total = amount_of(sum(seconds.values()), factor)
    shares = shares_of(total, seconds, factor)
    assert sum(shares.values()) == total
    assert set(shares) == set(seconds)


@given(SECONDS, FACTORS)
def test_nobody_s_share_is_a_whole_unit_off(seconds: dict[str, int], factor: int) -> None:
    shares = shares_of(amount_of(sum(seconds.values()), factor), seconds, factor)
    assert all(abs(shares[user] * 60 * factor - used) < 60 * factor for user, used in seconds.items())


@given(SECONDS, FACTORS, st.randoms())
def test_the_order_of_users_does_not_matter(seconds: dict[str, int], factor: int, random) -> None:
    total = amount_of(sum(seconds.values()), factor)
    shuffled = list(seconds.items())
    random.shuffle(shuffled)
    assert shares_of(total, dict(shuffled), factor) == shares_of(total, seconds, factor)


@pytest.mark.parametrize(
    ("seconds", "shares"),
    [
        ({"ada": 20, "max": 20, "mary": 20}, {"ada": 1, "max": 0, "mary": 0}),
        ({"ada": 20, "max": 50, "mary": 50}, {"ada": 0, "max": 1, "mary": 1}),
        ({"ada": 20}, {"ada": 0}),
        ({}, {}),
    ],
)
def test_what_rounding_leaves_goes_to_who_lost_most(seconds: dict[str, int], shares: dict[str, int]) -> None:
    assert shares_of(amount_of(sum(seconds.values()), 1), seconds, 1) == shares


def test_each_component_adds_up_by_itself() -> None:
    keys = "limit: 1, measured_unit: x, accounting_type: usage, label: x"
    components = parse_components(f"cpu: {{{keys}}}\nmem: {{{keys}, unit_factor: 60}}", "f")
    frame = pd.DataFrame(
        {"cpu": [90, 30], "mem": [3600, 1800]},
        index=pd.MultiIndex.from_tuples([("a", "ada"), ("a", "(unknown)")]),
    )
    seconds = seconds_by_user(frame)["a"]
    assert seconds == {"ada": {"cpu": 90, "mem": 3600}, "(unknown)": {"cpu": 30, "mem": 1800}}
    assert user_amounts(seconds, {"cpu": 2, "mem": 2}, components) == {
        "ada": {"cpu": 1, "mem": 1},
        "(unknown)": {"cpu": 1, "mem": 1},
    }
