"""The commands that read, word by word; nothing that is no name becomes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import AccountName, UserName
from allocations.errors import InvalidName
from slurm_io.commands import (
    make_home,
    show_active_jobs,
    show_associations,
    show_children,
    show_default_accounts,
    show_jobs,
    show_organizations,
    show_queue,
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
