"""A month's tables say what was counted, and nothing of what is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd

from allocations.accounts import ROOT, AccountName
from allocations.billing import BillingPeriod
from allocations.components import parse_components
from allocations.marketplace import Party, Resource, ResourceState
from allocations.model import Account, ClusterState
from allocations.month_report import day_table, largest_jobs, seconds_of_jobs, usage_table
from allocations.reports import usage_of
from slurm_io.parsing_jobs import parse_jobs

COMPONENTS = parse_components(
    "cpu: {limit: 1, measured_unit: hours, accounting_type: usage, label: CPU, unit_factor: 60}\n"
    "mem: {limit: 1, measured_unit: MB-min, accounting_type: usage, label: RAM}\n",
    "f",
)
MONTH = BillingPeriod(2026, 11)
NAME = AccountName("hpc_a")
KINDS = list(COMPONENTS)


def frame(rows: dict[tuple[str, str], tuple[int, int]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=["account", "user"])
    return pd.DataFrame(list(rows.values()), index=index, columns=["cpu", "node"])


def test_the_usage_table_has_allocations_and_their_users() -> None:
    resource = Resource(
        uuid="r",
        name="Genomics",
        state=ResourceState.OK,
        allocation_uuid=None,
        allocation_state=None,
        account="hpc_a",
        customer=Party("c", "C"),
        project=Party("p", "P"),
    )
    seconds = {"hpc_a": {"ada": {"cpu": 5400}, "max": {"cpu": 1800}}}
    usages = usage_of([(resource, NAME)], seconds, {"r": {"cpu": 1}}, COMPONENTS)
    observed = ClusterState({NAME: Account(NAME, ROOT, grp_tres_mins={"cpu": 240})})
    table = usage_table(MONTH, usages, COMPONENTS, observed).set_index(["user", "component"])
    billed = table.loc[("", "cpu")]
    assert (billed["amount"], billed["held"], billed["tres_seconds"], billed["share_of_limit"]) == (
        2,
        1,
        7200,
        0.5,
    )
    assert table.loc[("", "mem"), ["held", "limit_minutes", "share_of_limit"]].isna().all()
    assert table.loc[("ada", "cpu"), "amount"] + table.loc[("max", "cpu"), "amount"] == 2
    assert usage_table(MONTH, [], COMPONENTS, observed).empty


def test_an_account_that_is_gone_has_no_limit() -> None:
    resource = Resource(
        uuid="r",
        name="Genomics",
        state=ResourceState.TERMINATED,
        allocation_uuid=None,
        allocation_state=None,
        account="hpc_a",
        customer=Party("c", "C"),
        project=Party("p", "P"),
    )
    usages = usage_of([(resource, NAME)], {}, {}, COMPONENTS)
    assert usage_table(MONTH, usages, COMPONENTS, ClusterState())["limit_minutes"].isna().all()


def test_the_day_table_has_each_day_of_the_chosen_accounts_that_used_something() -> None:
    days = {
        date(2026, 11, 1): frame(
            {("hpc_a", "ada"): (60, 9), ("hpc_a", "max"): (30, 9), ("hpc_b", "ada"): (7, 1)}
        ),
        date(2026, 11, 2): frame({("hpc_a", "ada"): (0, 9)}),
    }
    assert day_table(days, {"hpc_a"}, KINDS).to_dict(orient="records") == [
        {"day": date(2026, 11, 1), "account": "hpc_a", "component": "cpu", "tres_seconds": 90}
    ]
    assert list(day_table({}, {"hpc_a"}, KINDS)) == ["day", "account", "component", "tres_seconds"]


def jobs(*lines: str) -> pd.DataFrame:
    text = "".join(f"{line}\n" for line in lines)
    return seconds_of_jobs(parse_jobs(text), {"hpc_a", "hpc_c"}, KINDS)


def test_the_largest_jobs_are_put_together_from_their_days() -> None:
    at = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    first = jobs(
        f"hpc_a|ada|cpu=2,mem=10M|100|{at}|{at + 100}|COMPLETED|7",
        f"hpc_b|ada|cpu=9,mem=10M|100|{at}|{at + 100}|COMPLETED|8",
        f"hpc_c|max|cpu=1,mem=10M|250|{at}|{at + 250}|COMPLETED|9",
    )
    second = jobs(f"hpc_a|ada|cpu=2,mem=10M|50|{at}|{at + 50}|COMPLETED|7")
    assert largest_jobs([first, second, jobs()], KINDS).to_dict(orient="records") == [
        {"job_id": "7", "account": "hpc_a", "user": "ada", "cpu": 300, "mem": 1500},
        {"job_id": "9", "account": "hpc_c", "user": "max", "cpu": 250, "mem": 2500},
    ]
    assert list(largest_jobs([], KINDS)) == ["job_id", "account", "user", "cpu", "mem"]
    assert largest_jobs([first], []).empty
