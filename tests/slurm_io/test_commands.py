"""The commands that read, word by word; nothing that is no name becomes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import AccountName, ClusterName, UserName
from allocations.errors import InvalidName
from slurm_io.commands import (
    make_home,
    show_active_jobs,
    show_association_ids,
    show_associations,
    show_children,
    show_default_accounts,
    show_jobs,
    show_lives,
    show_organizations,
    show_queue,
    show_these_jobs,
)
from slurm_io.commands_books import show_account_usage, show_cluster_usage, show_reservations
from slurm_io.commands_checkup import show_all_active, show_controller, show_whole_queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from slurm_io.commands import Command

A, B, C = AccountName("hpc_a"), AccountName("hpc_b"), ClusterName("c")
DAY = datetime(2026, 9, 1, tzinfo=UTC)
SHOW = ("sacctmgr", "-nP", "show")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            show_associations(C),
            (
                *SHOW,
                "assoc",
                "cluster=c",
                "format=cluster,account,user,parentname,grptresmins,grpsubmitjobs,maxsubmitjobs",
            ),
        ),
        (show_organizations(), (*SHOW, "account", "format=account,organization")),
        (
            show_default_accounts(C),
            (*SHOW, "assoc", "cluster=c", "onlydefaults", "format=user,account"),
        ),
        (show_children(C, A), (*SHOW, "assoc", "where", "parent=hpc_a", "cluster=c", "format=account")),
        (show_queue(None, {B, A}), ("squeue", "-h", "-a", "--accounts=hpc_a,hpc_b", "-o", "%A|%a|%u")),
        (
            show_queue(C, {A}),
            ("squeue", "-h", "-a", "--clusters=c", "--accounts=hpc_a", "-o", "%A|%a|%u"),
        ),
        (
            show_active_jobs(C, {B, A}),
            (
                "sacct",
                "-nPXa",
                "--clusters=c",
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


@pytest.mark.parametrize(
    ("ask", "flags", "more"), [(show_lives, "-XDanP", ",suspended"), (show_jobs, "-XDTanP", "")]
)
def test_jobs_are_read_exact_and_without_steps(ask: Callable[..., Command], flags: str, more: str) -> None:
    argv = ask(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 1, 23, 59, 59, tzinfo=UTC), C)
    assert argv == (
        "sacct",
        flags,
        "--noconvert",
        "--clusters=c",
        "-S",
        "2026-09-01T00:00:00",
        "-E",
        "2026-09-01T23:59:59",
        f"--format=account,user,alloctres,elapsedraw,start,end,state,jobidraw{more}",
    )


@pytest.mark.parametrize("text", ["", "a,b", "x account=root", "-x", "Ada", "ada\n", "a=b", "root", "a|b"])
def test_a_hostile_name_is_no_argument(text: str) -> None:
    name = AccountName(text)
    for ask in (
        lambda: show_children(C, name),
        lambda: show_queue(C, {A, name}),
        lambda: show_active_jobs(C, {A, name}),
        lambda: make_home(UserName(text), "0077"),
    ):
        with pytest.raises(InvalidName):
            ask()


def test_a_question_about_no_account_would_be_about_everybody() -> None:
    for ask in (show_queue, show_active_jobs):
        with pytest.raises(InvalidName, match="one account at least"):
            ask(C, ())


@pytest.mark.parametrize("text", ["", "a,b", "x account=root", "-x", "Ada", "a\n", "a=b", "a|b"])
def test_a_hostile_cluster_is_no_argument(text: str) -> None:
    cluster = ClusterName(text)
    for ask in (
        lambda: show_associations(cluster),
        lambda: show_default_accounts(cluster),
        lambda: show_children(cluster, A),
        lambda: show_association_ids(cluster),
        lambda: show_queue(cluster, {A}),
        lambda: show_active_jobs(cluster, {A}),
        lambda: show_lives(DAY, DAY, cluster),
        lambda: show_jobs(DAY, DAY, cluster),
        lambda: show_these_jobs(cluster, ["1"], DAY, clipped=True),
        lambda: show_account_usage(DAY, DAY, ["cpu"], cluster),
        lambda: show_cluster_usage(cluster, DAY, DAY),
        lambda: show_reservations(cluster, DAY, DAY),
        lambda: show_controller(cluster),
        lambda: show_whole_queue(cluster),
        lambda: show_all_active(cluster),
    ):
        with pytest.raises(InvalidName, match="cluster name"):
            ask()
