"""The door as a whole, on programs that answer as SLURM's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ROOT, AccountName, UserName
from allocations.model import Account, AddUsers, ClusterState, CreateAccount
from slurm_io.client import SLURM_ENVIRONMENT, Slurm, windows
from slurm_io.errors import SlurmCommandFailed, SlurmMisconfigured
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/bin:/bin", **SLURM_ENVIRONMENT}
A, DEFAULT, ADA = AccountName("hpc_a"), AccountName("cloudrock"), UserName("ada")
READY = ClusterState({ROOT: Account(ROOT, None), DEFAULT: Account(DEFAULT, ROOT)})


@pytest.fixture
def sacctmgr(tmp_path: Path) -> Callable[[str], Slurm]:
    """A cluster whose sacctmgr is a shell script."""

    def cluster(body: str) -> Slurm:
        for name in ("sacctmgr", "sacct"):
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\n{body}")
            path.chmod(0o755)
        return Slurm(NativeRunner({**ENVIRONMENT, "PATH": f"{tmp_path}:/usr/bin:/bin"}), DEFAULT)

    return cluster


def test_a_change_repeated_after_it_had_arrived_is_fine(sacctmgr: Callable[[str], Slurm]) -> None:
    slurm = sacctmgr("echo ' Nothing new added.'; exit 1")
    slurm.apply(CreateAccount(Account(A, ROOT)), READY)
    slurm.apply(AddUsers(A, (ADA,)), READY)


def test_nothing_added_because_of_an_error_is_an_error(sacctmgr: Callable[[str], Slurm]) -> None:
    slurm = sacctmgr("echo ' Nothing new added.'; echo \" This account 'x' doesn't exist.\" >&2; exit 1")
    with pytest.raises(SlurmCommandFailed, match="doesn't exist"):
        slurm.apply(AddUsers(A, (ADA,)), READY)


def test_users_wait_for_the_default_account(sacctmgr: Callable[[str], Slurm]) -> None:
    slurm = sacctmgr("echo added")
    with pytest.raises(
        SlurmMisconfigured, match=r"SLURM_DEFAULT_ACCOUNT: .*make it once with `sacctmgr -i add"
    ):
        slurm.apply(AddUsers(A, (ADA,)), ClusterState())
    slurm.apply(CreateAccount(Account(A, ROOT)), ClusterState())


def test_the_cluster_and_its_jobs_are_read_through_the_runner(sacctmgr: Callable[[str], Slurm]) -> None:
    slurm = sacctmgr('case "$0" in *sacct) echo "a|u|cpu=1|5|100|105|DONE";; *) echo "c|root|||";; esac')
    assert slurm.observe() == ClusterState({ROOT: Account(ROOT, None)})
    ((start, end),) = windows(day_of(1), day_of(2))
    assert len(slurm.fetch_jobs(start, end)) == 1


def day_of(day: int) -> datetime:
    return datetime(2026, 2, day, tzinfo=UTC)


def test_windows_are_days_that_make_up_the_whole() -> None:
    cutoff = day_of(3) + timedelta(hours=5)
    assert list(windows(day_of(1), cutoff)) == [
        (day_of(1), day_of(2)),
        (day_of(2), day_of(3)),
        (day_of(3), cutoff),
    ]
    assert list(windows(cutoff, cutoff)) == []
