"""Which amounts go where, and what is said instead of guessed."""

from __future__ import annotations

from dataclasses import replace

from allocations.accounts import ROOT, AccountName
from allocations.billing import amounts_of
from allocations.components import parse_components
from allocations.marketplace import (
    BillingType,
    ComponentUsage,
    Offering,
    OfferingComponent,
    Party,
    Resource,
    ResourceState,
)
from allocations.model import Account, ClusterState
from allocations.reports import claimed, held_amounts, in_words, lines_of, reportable, seconds_held, usage_of

COMPONENTS = parse_components(
    "cpu: {limit: 1, measured_unit: hours, accounting_type: usage, label: CPU, unit_factor: 60}\n"
    "mem: {limit: 1, measured_unit: MB-min, accounting_type: usage, label: RAM}\n"
    "gres/gpu: {limit: 1, measured_unit: min, accounting_type: usage, label: GPU}\n",
    "f",
)


def offering(**kinds: BillingType) -> Offering:
    components = tuple(
        OfferingComponent(type=k, name=k, measured_unit="x", billing_type=b) for k, b in kinds.items()
    )
    return Offering(
        uuid="o",
        name="Cluster",
        type="Marketplace.Slurm",
        state="Active",
        customer_uuid="c",
        components=components,
    )


def resource(uuid: str, account: str | None) -> Resource:
    return Resource(
        uuid=uuid,
        name=f"name of {uuid}",
        state=ResourceState.OK,
        allocation_uuid=None,
        allocation_state=None,
        account=account,
        customer=Party("c", "C"),
        project=Party("p", "P"),
    )


def cluster(*names: str) -> ClusterState:
    return ClusterState({AccountName(name): Account(AccountName(name), ROOT) for name in names})


def test_what_the_offering_does_not_meter_is_a_problem_and_not_sent() -> None:
    accepted, problems = reportable(COMPONENTS, offering(cpu=BillingType.LIMIT, mem=BillingType.FIXED))
    assert accepted == {"cpu": "hours"}
    assert problems == [
        (
            "component 'mem' is billed as 'fixed' by the offering: usage can be reported for 'usage' and "
            "'limit' only"
        ),
        "component 'gres/gpu' is configured, but the offering 'Cluster' has none",
    ]


def test_rows_of_several_plan_periods_are_one_months_amount() -> None:
    rows = [("r", "cpu", 3), ("r", "cpu", 4), ("r", "mem", 0), ("s", "cpu", 1)]
    usages = [
        ComponentUsage(resource_uuid=r, type=t, amount=a, billing_period="2026-09-01") for r, t, a in rows
    ]
    assert held_amounts(usages) == {"r": {"cpu": 7, "mem": 0}, "s": {"cpu": 1}}
    assert held_amounts([]) == {}


def test_every_resource_is_billed_or_named_as_a_problem() -> None:
    resources = [
        resource(*pair)
        for pair in (("a", "hpc_a"), ("b", None), ("c", "hpc_c"), ("d", "hpc_d"), ("e", "hpc_d"))
    ]
    good, problems = claimed(resources, cluster("hpc_a", "hpc_d"))
    assert [(r.uuid, account) for r, account in good] == [("a", "hpc_a")]
    assert [problem.split(" (")[0] for problem in problems] == [f"resource {uuid}" for uuid in "bcde"]
    assert "records no backend id" in problems[0]
    assert "'hpc_c' is not on the cluster" in problems[1]
    assert all("so does another resource: neither is billed" in problem for problem in problems[2:])


def test_an_account_without_jobs_used_zero_and_is_sent_once() -> None:
    claims = [(resource("a", "hpc_a"), AccountName("hpc_a"))]
    (new,) = usage_of(claims, {}, {}, COMPONENTS)
    assert new.amounts == {"cpu": 0, "mem": 0, "gres/gpu": 0}
    assert new.differs
    (known,) = usage_of(claims, {}, {"a": {"cpu": 0, "mem": 0, "gres/gpu": 0}}, COMPONENTS)
    assert not known.differs


def test_usage_of_an_account_is_in_measured_units_and_differs_from_what_is_held() -> None:
    claims = [(resource("a", "hpc_a"), AccountName("hpc_a"))]
    seconds = {
        "hpc_a": {"ada": {"cpu": 7000, "mem": 60, "gres/gpu": 0}, "max": {"cpu": 200, "gres/gpu": 0}},
        "physics": {"ada": {"cpu": 10**9}},
    }
    (usage,) = usage_of(claims, seconds, {"a": {"cpu": 1, "mem": 1, "gres/gpu": 0}}, COMPONENTS)
    assert usage.amounts == {"cpu": 2, "mem": 1, "gres/gpu": 0}
    assert usage.tres_seconds == {"cpu": 7200, "mem": 60, "gres/gpu": 0}
    assert usage.users == {
        "ada": {"cpu": 2, "mem": 1, "gres/gpu": 0},
        "max": {"cpu": 0, "mem": 0, "gres/gpu": 0},
    }
    assert usage.differs


def test_what_only_the_marketplace_holds_is_no_difference() -> None:
    claims = [(resource("a", "hpc_a"), AccountName("hpc_a"))]
    held = {"a": {"cpu": 0, "mem": 0, "gres/gpu": 0, "old": 5}}
    (usage,) = usage_of(claims, {}, held, COMPONENTS)
    assert not usage.differs


def test_what_is_carried_over_is_part_of_the_total_and_a_row_that_does_not_say_so_differs() -> None:
    claims = [(resource("a", "hpc_a"), AccountName("hpc_a"))]
    held = {"a": {"cpu": 5, "mem": 0, "gres/gpu": 0}}
    (usage,) = usage_of(claims, {"hpc_a": {"ada": {"cpu": 7200}}}, held, COMPONENTS)
    carried = replace(usage, carried={"cpu": 3})
    assert carried.totals == {"cpu": 5, "mem": 0, "gres/gpu": 0}
    assert carried.differs
    assert not replace(carried, held_carried={"cpu": 3}).differs
    assert replace(carried, held_carried={"cpu": 2}).differs


def test_each_component_has_its_line_with_what_the_run_will_make_of_it() -> None:
    claims = [(resource("a", "hpc_a"), AccountName("hpc_a"))]
    (usage,) = usage_of(claims, {"hpc_a": {"ada": {"cpu": 7200}}}, {"a": {"cpu": 5}}, COMPONENTS)
    lines = lines_of(replace(usage, carried={"cpu": 3}), COMPONENTS, "sent")
    assert [(line.component, line.tres_seconds, line.amount, line.unit, line.held) for line in lines] == [
        ("cpu", 7200, 5, "hours", 5),
        ("mem", 0, 0, "MB-min", None),
        ("gres/gpu", 0, 0, "min", None),
    ]
    assert {line.result for line in lines} == {"sent"}


def test_a_held_amount_stands_for_so_many_seconds_at_least_without_what_it_carries() -> None:
    claims = [(resource("a", "hpc_a"), AccountName("hpc_a"))]
    held = {"a": {"cpu": 5, "mem": 0, "old": 7}}
    (usage,) = usage_of(claims, {}, held, COMPONENTS)
    known = seconds_held(replace(usage, held_carried={"cpu": 3}), COMPONENTS)
    assert known == {"cpu": 5400, "mem": 0}
    assert amounts_of(known, COMPONENTS)["cpu"] == 2


def test_amounts_are_told_in_words_and_what_is_missing_is_no_zero() -> None:
    assert in_words({"cpu": 0, "gres/gpu": 12, "mem": None}) == "cpu 0, gres/gpu 12, mem none"
    assert in_words({}) == "none"
