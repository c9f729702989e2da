"""The questions about jobs by their ids and about slurmdbd's own sums, word by word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from allocations.accounts import ClusterName
from allocations.errors import InvalidName
from slurm_io.commands import show_these_jobs
from slurm_io.commands_books import (
    show_account_usage,
    show_cluster_usage,
    show_clusters,
    show_reservations,
)

C = ClusterName("c")
HOUR = datetime(2026, 9, 1, 7, tzinfo=UTC)
BOUNDS = ("start=2026-09-01T06:00:00", "end=2026-09-01T07:00:00")
EARLIER = datetime(2026, 9, 1, 6, tzinfo=UTC)


def test_suspended_jobs_are_read_by_their_ids_clipped_and_as_they_stand() -> None:
    for clipped, flags in ((True, "-XDTanP"), (False, "-XDanP")):
        argv = show_these_jobs(C, ["7", "12"], HOUR, clipped=clipped)
        bounds = ("-S", "1970-01-02T00:00:00", "-E", "2026-09-01T07:00:00")
        assert argv[:-1] == ("sacct", flags, "--noconvert", "--clusters=c", "-j", "7,12", *bounds)


@pytest.mark.parametrize("job_ids", [[], [""], ["7", "-x"], ["7,8"], ["all"], ["\u0667"]])
def test_what_is_no_job_id_would_select_other_jobs_and_is_refused(job_ids: list[str]) -> None:
    with pytest.raises(InvalidName, match="job id"):
        show_these_jobs(C, job_ids, HOUR, clipped=True)


def test_slurmdbds_own_sums_are_asked_for_in_whole_hours_and_seconds() -> None:
    program = ("sreport", "-nP", "-t", "seconds", "-T")
    assert show_account_usage(EARLIER, HOUR, ["cpu", "gres/gpu"], C) == (
        *program,
        "cpu,gres/gpu",
        "cluster",
        "AccountUtilizationByUser",
        "cluster=c",
        *BOUNDS,
        "format=cluster,account,login,tresname,used",
    )
    utilization = ("cluster", "Utilization", "cluster=c", *BOUNDS, "format=cluster,tresname,reported")
    assert show_cluster_usage(C, EARLIER, HOUR) == (*program, "cpu", *utilization)
    with pytest.raises(ValueError, match="is no whole hour"):
        show_cluster_usage(C, EARLIER, datetime(2026, 9, 1, 7, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize("tres", [[], [""], ["cpu,mem"], ["ALL x"]])
def test_a_hostile_tres_is_not_asked_for(tres: list[str]) -> None:
    with pytest.raises(InvalidName, match="TRES"):
        show_account_usage(EARLIER, HOUR, tres)


def test_reservations_and_clusters_are_one_call_each() -> None:
    fields = "format=cluster,name,associations,start,end,tres,unusedwall"
    assert show_reservations(C, EARLIER, HOUR) == (
        *("sacctmgr", "-nP", "show", "reservation", "cluster=c"),
        *BOUNDS,
        fields,
    )
    assert show_clusters() == ("sacctmgr", "-nP", "show", "cluster", "format=cluster")
