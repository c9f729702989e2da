"""A month explained: what each allocation used, of which limit, by whom, on which day, in which jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from allocations.billing import SECONDS_PER_MINUTE
from allocations.usage import tres_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from allocations.billing import BillingPeriod
    from allocations.components import Components
    from allocations.model import ClusterState
    from allocations.reconcile import Reconciliation
    from allocations.reports import ResourceUsage
    from allocations.usage import Jobs

COLUMNS = (
    *("period", "account", "resource", "resource_uuid", "user", "component", "unit"),
    *("tres_seconds", "amount", "held", "limit_minutes", "share_of_limit"),
)
MOST_JOBS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """Tables about one month, for people and for spreadsheets.

    `usage`: a row for each allocation and component (`user` is empty), and one for each of its users and
    component. `tres_seconds`, `amount`, `held` and `limit_minutes` are whole numbers or missing;
    `share_of_limit` is what the month used of the limit, 1.0 for all of it. `days`: rows by day, account
    and component with `tres_seconds`. `jobs`: the largest, a row each: job_id, account, user, and
    TRES-seconds per component.
    """

    period: BillingPeriod
    cutoff: datetime
    cluster: str
    usage: pd.DataFrame
    days: pd.DataFrame
    jobs: pd.DataFrame
    reconciliation: Reconciliation | None = None
    """None where nothing was compared."""
    remarks: tuple[str, ...] = ()


def usage_table(
    period: BillingPeriod, usages: Iterable[ResourceUsage], components: Components, observed: ClusterState
) -> pd.DataFrame:
    """The rows of `MonthReport.usage`."""
    rows: list[dict[str, object]] = []
    for usage in usages:
        account = observed.accounts.get(usage.account)
        limits = account.grp_tres_mins if account else {}
        for kind, amount in usage.amounts.items():
            seconds, limit = usage.tres_seconds.get(kind, 0), limits.get(kind)
            common = {
                "period": str(period),
                "account": str(usage.account),
                "resource": usage.resource.name,
                "resource_uuid": usage.resource.uuid,
                "component": kind,
                "unit": components[kind].measured_unit,
            }
            share = seconds / (limit * SECONDS_PER_MINUTE) if limit else None
            whole = {"tres_seconds": seconds, "amount": amount, "held": usage.held.get(kind)}
            rows.append({**common, "user": "", **whole, "limit_minutes": limit, "share_of_limit": share})
            rows += [
                {**common, "user": user, "amount": amounts.get(kind, 0)}
                for user, amounts in usage.users.items()
            ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    whole_numbers = dict.fromkeys(("tres_seconds", "amount", "held", "limit_minutes"), "Int64")
    return table.astype({**whole_numbers, "share_of_limit": "Float64"})


def day_table(
    days: Mapping[date, pd.DataFrame], accounts: Collection[str], components: Collection[str]
) -> pd.DataFrame:
    """The rows of `MonthReport.days`: only what was used."""
    names = ["day", "account", "component", "tres_seconds"]
    columns = list(components)
    parts = {
        day: seconds.reindex(columns=columns, fill_value=0).groupby(level="account").sum()
        for day, seconds in days.items()
    }
    if not parts:
        return pd.DataFrame(columns=names)
    table = pd.concat(parts, names=["day"]).reset_index()
    table = table[table["account"].isin(list(accounts))]
    table = table.melt(id_vars=["day", "account"], var_name="component", value_name="tres_seconds")
    return table.loc[table["tres_seconds"] > 0, names].reset_index(drop=True)


def seconds_of_jobs(jobs: Jobs, accounts: Collection[str], components: Sequence[str]) -> pd.DataFrame:
    """TRES-seconds of each job of these accounts within a window: rows by (job_id, account, user)."""
    mine = jobs.records["account"].isin(list(accounts)).to_numpy()
    records, counts = jobs.records[mine], jobs.alloc_tres[mine]
    keyed = records.assign(account=records["account"].astype(str) + "\n" + records["job_id"].astype(str))
    seconds = tres_seconds(type(jobs)(keyed, counts)).reindex(columns=list(components), fill_value=0)
    table = seconds.reset_index()
    keys = [str(key).partition("\n") for key in table.pop("account")]
    accounts_of_jobs, numbers = [key[0] for key in keys], [key[2] for key in keys]
    return table.assign(account=accounts_of_jobs, job_id=numbers).set_index(["job_id", "account", "user"])


def largest_jobs(parts: Iterable[pd.DataFrame], components: Sequence[str]) -> pd.DataFrame:
    """The largest jobs by the first component, of which each window has its part."""
    frames = [part for part in parts if len(part)]
    columns = ["job_id", "account", "user", *components]
    if not frames or not components:
        return pd.DataFrame(columns=columns)
    total = pd.concat(frames).groupby(level=["job_id", "account", "user"]).sum()
    return total.nlargest(MOST_JOBS, list(components)).reset_index()[columns]
