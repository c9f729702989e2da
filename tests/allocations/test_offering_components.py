"""The offering gets what the file says, and keeps everything that the file does not say."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allocations.components import parse_components
from allocations.marketplace import BillingType, Offering, OfferingComponent
from allocations.offering_components import ComponentChange, changes_to, fingerprint_of, lost_in, whole_set

COMPONENTS = parse_components(
    "cpu: {limit: 1, measured_unit: hours, accounting_type: usage, label: CPU}\n"
    "mem: {limit: 1, measured_unit: GB, accounting_type: limit, label: RAM}\n",
    "f",
)


def offering(*fields: dict[str, Any]) -> Offering:
    components = tuple(
        OfferingComponent(
            type=one["type"],
            name=one["name"],
            measured_unit=one["measured_unit"],
            billing_type=BillingType(one["billing_type"]),
            fields=one,
        )
        for one in fields
    )
    return Offering(
        uuid="o",
        name="Cluster",
        type="Marketplace.Slurm",
        state="Active",
        customer_uuid="0" * 32,
        components=components,
    )


def component(kind: str, **more: Any) -> dict[str, Any]:
    plain = {"type": kind, "name": "CPU", "measured_unit": "hours", "billing_type": "usage"}
    return {
        **plain,
        "description": "by hand",
        "limit_period": "month",
        "max_value": None,
        "factor": None,
        **more,
    }


RAM = component("mem", name="RAM", measured_unit="GB", billing_type="limit")


def test_an_offering_that_says_the_same_is_left_alone() -> None:
    assert changes_to(offering(component("cpu"), RAM, component("gres/fpga")), COMPONENTS) == []


def test_each_difference_can_be_read() -> None:
    changes = changes_to(offering(component("cpu", name="Cores", billing_type="fixed")), COMPONENTS)
    assert [str(change) for change in changes] == [
        "~ component cpu: name 'Cores' -> 'CPU'",
        "~ component cpu: billing_type 'fixed' -> 'usage'",
        "+ component mem",
    ]


def test_the_whole_set_keeps_every_field_and_every_component() -> None:
    before = offering(component("gres/fpga", name="FPGA"), component("cpu", name="Cores"))
    assert whole_set(before, COMPONENTS) == [
        component("gres/fpga", name="FPGA"),
        component("cpu"),
        {"type": "mem", "name": "RAM", "measured_unit": "GB", "billing_type": "limit"},
    ]


FIELDS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["CPU", "x"]),
        "measured_unit": st.sampled_from(["hours", "y"]),
        "billing_type": st.sampled_from([kind.value for kind in BillingType]),
        "description": st.text(max_size=3),
        "limit_amount": st.none() | st.integers(0, 9),
    }
)


@given(st.dictionaries(st.sampled_from(["cpu", "mem", "gpu", "z"]), FIELDS))
def test_once_sent_nothing_differs_and_nothing_is_lost(sets: dict[str, dict[str, Any]]) -> None:
    before = offering(*({"type": kind, **fields} for kind, fields in sets.items()))
    after = offering(*whole_set(before, COMPONENTS))
    assert changes_to(after, COMPONENTS) == []
    assert lost_in(before, after, COMPONENTS) == []


def test_what_an_update_took_away_is_named() -> None:
    before = offering(component("cpu"), component("gres/fpga"))
    after = offering(component("cpu", description=""))
    assert lost_in(before, after, COMPONENTS) == [
        "component 'cpu': description was 'by hand' and is ''",
        "component 'gres/fpga' is gone",
    ]
    assert changes_to(after, COMPONENTS) == [ComponentChange("mem", "type", None, "mem")]


def test_a_file_that_says_the_same_of_the_offering_has_the_same_fingerprint() -> None:
    text = "cpu: {limit: 2, measured_unit: hours, accounting_type: usage, label: CPU, unit_factor: 60}\n"
    one, other = parse_components(text, "f"), parse_components(text.replace("limit: 2", "limit: 3"), "f")
    assert fingerprint_of(one) == fingerprint_of(other)
    assert fingerprint_of(one) != fingerprint_of(COMPONENTS)
    assert fingerprint_of(one) != fingerprint_of(parse_components(text.replace("hours", "h"), "f"))
