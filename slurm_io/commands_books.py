"""Pure builders of the questions about slurmdbd's own sums, and about what is in them besides jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.errors import InvalidName
from slurm_io.changing import tres_name
from slurm_io.commands import SLURM_TIME, of_cluster, of_clusters

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import ClusterName
    from slurm_io.commands import Command

CLUSTER_FIELDS = ("cluster",)
BOOK_FIELDS = ("cluster", "account", "login", "tresname", "used")
CLUSTER_BOOK_FIELDS = ("cluster", "tresname", "reported")
RESERVATION_FIELDS = ("cluster", "name", "associations", "start", "end", "tres", "unusedwall")


def show_clusters() -> Command:
    """The clusters that slurmdbd knows."""
    return ("sacctmgr", "-nP", "show", "cluster", f"format={','.join(CLUSTER_FIELDS)}")


def show_account_usage(
    start: datetime, end: datetime, tres: Collection[str], cluster: ClusterName | None = None
) -> Command:
    """What slurmdbd itself has summed up of whole hours: a row per account (with all below it) and user."""
    fields = f"format={','.join(BOOK_FIELDS)}"
    which = (*of_clusters(cluster), *whole_hours(start, end))
    return (*sreport(tres), "cluster", "AccountUtilizationByUser", *which, fields)


def show_cluster_usage(cluster: ClusterName, start: datetime, end: datetime) -> Command:
    """What slurmdbd has summed up for the whole cluster: no row for hours that are not summed up yet."""
    fields = f"format={','.join(CLUSTER_BOOK_FIELDS)}"
    which = (of_cluster(cluster), *whole_hours(start, end))
    return (*sreport(["cpu"]), "cluster", "Utilization", *which, fields)


def show_reservations(cluster: ClusterName, start: datetime, end: datetime) -> Command:
    """The reservations that overlap the time."""
    fields = f"format={','.join(RESERVATION_FIELDS)}"
    which = (of_cluster(cluster), *whole_hours(start, end))
    return ("sacctmgr", "-nP", "show", "reservation", *which, fields)


def sreport(tres: Collection[str]) -> Command:
    """The program with its unit and the TRES; all of them when none is named would be a surprise."""
    names = ",".join(tres_name(name) for name in tres)
    if not names:
        raise InvalidName("TRES", "", "at least one TRES: sreport would show cpu alone")
    return ("sreport", "-nP", "-t", "seconds", "-T", names)


def whole_hours(start: datetime, end: datetime) -> tuple[str, str]:
    """The two bounds; sreport would cut them to whole hours without a word."""
    for moment in (start, end):
        if moment.minute or moment.second or moment.microsecond:
            raise ValueError(f"{moment.isoformat()} is no whole hour")
    return f"start={start.strftime(SLURM_TIME)}", f"end={end.strftime(SLURM_TIME)}"
