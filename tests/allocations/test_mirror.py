"""The marketplace shows limits and users as the cluster has them, and never a limit that breaks orders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.components import parse_components
from allocations.marketplace import BillingType, Offering, OfferingComponent
from allocations.mirror import limits_to_show, users_to_change

COMPONENTS = parse_components(
    "cpu: {limit: 1, measured_unit: hours, accounting_type: limit, label: CPU, unit_factor: 60}\n"
    "mem: {limit: 1, measured_unit: MB-min, accounting_type: limit, label: RAM}\n"
    "gres/gpu: {limit: 1, measured_unit: min, accounting_type: usage, label: GPU}\n",
    "f",
)
KINDS = {
    "cpu": BillingType.LIMIT,
    "mem": BillingType.LIMIT,
    "gres/gpu": BillingType.USAGE,
    "storage": BillingType.LIMIT,
}
OFFERING = Offering(
    uuid="o",
    name="Cluster",
    type="Marketplace.Slurm",
    state="Active",
    customer_uuid="0" * 32,
    components=tuple(
        OfferingComponent(type=k, name=k, measured_unit="x", billing_type=b) for k, b in KINDS.items()
    ),
)


@pytest.mark.parametrize(
    ("shown", "on_cluster", "wanted"),
    [
        ({"cpu": 10}, {"cpu": 600}, None),
        ({"cpu": 10}, {"cpu": 660}, {"cpu": 11}),
        ({"cpu": 10}, {"cpu": 629}, {"cpu": 10}),
        ({"cpu": 10}, {"cpu": 630}, {"cpu": 11}),
        ({}, {"cpu": 600, "mem": 5}, {"cpu": 10, "mem": 5}),
        ({"cpu": 10, "mem": 5}, {"cpu": 600}, {"cpu": 10}),
        ({"mem": 2**30 + 2**19}, {"mem": 2**30 + 512}, None),
        ({"mem": 614400000}, {"mem": 614400000}, None),
        ({}, {"gres/gpu": 60, "node": 3}, None),
        ({"gres/gpu": 60}, {"gres/gpu": 60}, {}),
        ({"gres/gpu": 60, "cpu": 10, "gone": 1}, {"gres/gpu": 60, "cpu": 600}, {"cpu": 10}),
        ({"storage": 7, "cpu": 10}, {"cpu": 600}, None),
        ({"storage": 7}, {"cpu": 600}, {"storage": 7, "cpu": 10}),
        ({"cpu": 0}, {"cpu": 0}, None),
    ],
)
def test_limits_are_those_of_the_cluster_and_of_components_billed_by_limit_only(
    shown: dict[str, int], on_cluster: dict[str, int], wanted: dict[str, int] | None
) -> None:
    if wanted == shown:
        wanted = None
    assert limits_to_show(shown, on_cluster, COMPONENTS, OFFERING) == wanted


LIMITS = st.dictionaries(st.sampled_from([*KINDS, "gone"]), st.integers(0, 2**50))


@given(LIMITS, LIMITS)
def test_once_shown_nothing_differs_and_no_limit_can_break_an_order(shown, on_cluster) -> None:
    wanted = limits_to_show(shown, on_cluster, COMPONENTS, OFFERING)
    after = shown if wanted is None else wanted
    assert limits_to_show(after, on_cluster, COMPONENTS, OFFERING) is None
    assert all(KINDS.get(kind) is BillingType.LIMIT for kind in after)


NAMES = st.frozensets(st.text("ab", min_size=1, max_size=2))


@given(NAMES, NAMES)
def test_after_the_changes_the_users_are_those_of_the_cluster(on_cluster, associated) -> None:
    add, drop = users_to_change(on_cluster, associated)
    assert (associated | set(add)) - set(drop) == on_cluster
    assert not set(add) & associated
    assert set(drop) <= associated
