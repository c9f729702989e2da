"""The commands that read, word by word; nothing that is no name becomes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import AccountName, UserName
from allocations.errors import InvalidName
from slurm_io.commands import (
    make_home,
    show_account_ids,
    show_account_usage,
    show_active_jobs,
    show_associations,
    show_children,
    show_cluster_usage,
    show_clusters,
    show_default_accounts,
    show_jobs,
    show_organizations,
    show_queue,
    show_reservations,
    show_these_jobs,
)

if TYPE_CHECKING:
    from slurm_io.commands import Command

A, B = AccountName("hpc_a"), AccountName("hpc_b")
SHOW = ("sacctmgr", "-nP", "show")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            show_associations(),
            (
                *SHOW,
                "assoc",
                "format=cluster,account,user,parentname,grptresmins,grpsubmitjobs,maxsubmitjobs",
            ),
        ),
        (show_organizations(), (*SHOW, "account", "format=account,organization")),
        (show_default_accounts(), (*SHOW, "user", "format=user,defaultaccount")),
        (show_children(A), (*SHOW, "assoc", "where", "parent=hpc_a", "format=account")),
        (show_queue({B, A}), ("squeue", "-h", "-a", "--accounts=hpc_a,hpc_b", "-o", "%A|%a|%u")),
        (
            show_active_jobs({B, A}),
            (
                "sacct",
                "-nPXa",
                "--accounts=hpc_a,hpc_b",
                "--state=RUNNING,SUSPENDED",
                "--format=jobidraw,account,user",
            ),
        ),
        (make_home(UserName("ada"), "0077"), ("mkhomedir_helper", "ada", "0077")),
    ],
)
def test_a_question_is_one_command(command: Command, expected: tuple[str, ...]) -> None:
    assert command == expected


def test_jobs_are_read_whole_clipped_exact_and_without_steps() -> None:
    argv = show_jobs(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 1, 23, 59, 59, tzinfo=UTC))
    assert argv == (
        "sacct",
        "-XDTanP",
        "--noconvert",
        "-S",
        "2026-09-01T00:00:00",
        "-E",
        "2026-09-01T23:59:59",
        "--format=account,user,alloctres,elapsedraw,start,end,state,jobidraw",
    )


HOUR = datetime(2026, 9, 1, 7, tzinfo=UTC)
BOUNDS = ("start=2026-09-01T06:00:00", "end=2026-09-01T07:00:00")
EARLIER = datetime(2026, 9, 1, 6, tzinfo=UTC)


def test_suspended_jobs_are_read_by_their_ids_clipped_and_as_they_stand() -> None:
    for clipped, flags in ((True, "-XDTanP"), (False, "-XDanP")):
        argv = show_these_jobs(["7", "12"], HOUR, clipped=clipped)
        bounds = ("-S", "1970-01-02T00:00:00", "-E", "2026-09-01T07:00:00")
        assert argv[:-1] == ("sacct", flags, "--noconvert", "-j", "7,12", *bounds)


@pytest.mark.parametrize("job_ids", [[], [""], ["7", "-x"], ["7,8"], ["all"], ["\u0667"]])
def test_what_is_no_job_id_would_select_other_jobs_and_is_refused(job_ids: list[str]) -> None:
    with pytest.raises(InvalidName, match="job id"):
        show_these_jobs(job_ids, HOUR, clipped=True)


def test_slurmdbds_own_sums_are_asked_for_in_whole_hours_and_seconds() -> None:
    program = ("sreport", "-nP", "-t", "seconds", "-T")
    assert show_account_usage(EARLIER, HOUR, ["cpu", "gres/gpu"]) == (
        *program,
        "cpu,gres/gpu",
        "cluster",
        "AccountUtilizationByUser",
        *BOUNDS,
        "format=cluster,account,login,tresname,used",
    )
    utilization = ("cluster", "Utilization", *BOUNDS, "format=cluster,tresname,reported")
    assert show_cluster_usage(EARLIER, HOUR) == (*program, "cpu", *utilization)
    with pytest.raises(ValueError, match="is no whole hour"):
        show_cluster_usage(EARLIER, datetime(2026, 9, 1, 7, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize("tres", [[], [""], ["cpu,mem"], ["ALL x"]])
def test_a_hostile_tres_is_not_asked_for(tres: list[str]) -> None:
    with pytest.raises(InvalidName, match="TRES"):
        show_account_usage(EARLIER, HOUR, tres)


def test_reservations_clusters_and_associations_are_one_call_each() -> None:
    fields = "format=cluster,name,associations,start,end,tres,unusedwall"
    assert show_reservations(EARLIER, HOUR) == ("sacctmgr", "-nP", "show", "reservation", *BOUNDS, fields)
    assert show_clusters() == ("sacctmgr", "-nP", "show", "cluster", "format=cluster")
    assert show_account_ids() == ("sacctmgr", "-nP", "show", "assoc", "format=id,account")


@pytest.mark.parametrize("text", ["", "a,b", "x account=root", "-x", "Ada", "ada\n", "a=b", "root", "a|b"])
def test_a_hostile_name_is_no_argument(text: str) -> None:
    name = AccountName(text)
    for ask in (
        lambda: show_children(name),
        lambda: show_queue({A, name}),
        lambda: show_active_jobs({A, name}),
        lambda: make_home(UserName(text), "0077"),
    ):
        with pytest.raises(InvalidName):
            ask()


def test_a_question_about_no_account_would_be_about_everybody() -> None:
    for ask in (show_queue, show_active_jobs):
        with pytest.raises(InvalidName, match="one account at least"):
            ask(())
