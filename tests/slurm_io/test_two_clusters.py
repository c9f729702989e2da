"""Two real clusters in one slurmdbd: what is done on one neither happens nor shows on the other."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ROOT, AccountName, ClusterName, UserName
from allocations.changes import (
    AddUsers,
    CancelJobs,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    SetLimits,
    apply_to,
)
from allocations.model import Account
from sandbox.slurm import ClusterBeside, PastJob
from slurm_io import checkup
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.errors import SlurmUnavailable
from slurm_io.runner import NativeRunner
from tests.own_folder import FOLDER, person
from tests.slurm_io.place import DEFAULT
from tests.slurm_io.test_changes_on_slurm import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.changes import Change
    from allocations.model import ClusterState
    from sandbox.slurm import Cluster

pytestmark = pytest.mark.slurm

SHARED, ALONE, THEIRS = AccountName("hpc_shared"), AccountName("hpc_alone"), AccountName("hpc_theirs")
ADA, MAX = UserName(person("ada")), UserName(person("max"))
BOTH = (ADA, MAX)
CHANGES: list[Change] = [
    SetLimits(SHARED, {}, {"cpu": 60}),
    DrainAccount(SHARED),
    CloseUsers(SHARED, BOTH),
    ReopenUsers(SHARED, BOTH),
    ReopenAccount(SHARED),
    RegisterUsers(BOTH, DEFAULT),
    MoveDefaults(BOTH, SHARED, DEFAULT),
    CreateAccount(Account(ALONE, SHARED, {"cpu": 5})),
    AddUsers(ALONE, BOTH),
    MoveAccount(ALONE, SHARED, ROOT),
    RemoveUsers(ALONE, (MAX,)),
    DrainAccount(ALONE),
    DeleteAccount(ALONE),
    CreateAccount(Account(ALONE, ROOT)),
    DeleteAccount(ALONE),
    RemoveUsers(SHARED, BOTH),
    DrainAccount(SHARED),
    DeleteAccount(SHARED),
    CreateAccount(Account(SHARED, ROOT)),
    AddUsers(SHARED, BOTH),
]


@pytest.fixture(scope="module")
def beside(cluster: Cluster) -> Iterator[ClusterBeside]:
    """A second cluster in the slurmdbd of the first, where two people share an account on both."""
    made = ClusterBeside(cluster, FOLDER / "beside", "beside")
    cluster.add_people(*BOTH)
    made.start()
    try:
        yield made
    finally:
        for name in (SHARED, THEIRS):
            cluster.run("scancel", f"--account={name}")
        made.forget()
        cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={SHARED}")


@pytest.fixture
def shared(cluster: Cluster, beside: ClusterBeside) -> None:
    """Made by hand, as an administrator without a cluster in mind would."""
    wanted = [
        ("add", "account", f"name={SHARED}", "organization=cloudrock-slurm"),
        ("add", "account", f"name={THEIRS}", "organization=cloudrock-slurm", f"cluster={beside.name}"),
        ("add", "user", f"name={','.join(BOTH)}", f"account={SHARED}"),
        ("add", "user", f"name={','.join(BOTH)}", f"account={THEIRS}", f"cluster={beside.name}"),
        ("add", "coordinator", f"account={SHARED}", f"name={ADA}"),
    ]
    for words in wanted:
        cluster._ask("sacctmgr", "-i", *words)  # noqa: SLF001 - what is there already is refused
    time.sleep(1 - time.time() % 1)  # of associations of one second slurmdbd takes any as the newest


def door(cluster: Cluster, named: str | None = None) -> Slurm:
    """As a headnode of the cluster opens it; `named` as in its SLURM_CLUSTER."""
    environment = {"PATH": os.environ["PATH"], **cluster.environment, **SLURM_ENVIRONMENT}
    return Slurm(NativeRunner(environment), ClusterName(named) if named else None)


def records(cluster: Cluster) -> str:
    """What belongs to no cluster: accounts' and users' records, coordinators."""
    accounts = cluster.run("sacctmgr", "-nP", "show", "account", "withcoord", "format=account,coord,descr")
    users = cluster.run("sacctmgr", "-nP", "show", "user", "format=user,adminlevel")
    return "\n".join(line for line in accounts.splitlines() if not line.startswith(ALONE)) + users


@pytest.mark.parametrize("how", ["the cluster of slurm.conf", "the cluster of SLURM_CLUSTER"])
def test_no_change_on_one_cluster_changes_anything_on_the_other(
    cluster: Cluster, beside: ClusterBeside, shared: None, how: str
) -> None:
    named = how.endswith("SLURM_CLUSTER")
    ours = door(beside, cluster.name) if named else door(cluster)
    theirs = door(beside)
    there, kept = whole(theirs.observe_whole()), records(cluster)
    state = ours.observe_whole()
    assert THEIRS not in state.accounts, "an account of the other cluster only is none of ours"
    for change in CHANGES:
        for _ in range(2):
            state = apply_to(state, change)
            ours.apply(change)
        assert_same(ours.observe_whole(), state, change)
        assert whole(theirs.observe_whole()) == there, change
    assert records(cluster) == kept


def assert_same(found: ClusterState, wanted: ClusterState, change: Change) -> None:
    """The marks of ours are on records that both clusters share, and there already: not part of a change."""
    for name in (SHARED, ALONE):
        assert found.accounts.get(name) == wanted.accounts.get(name), change
    assert found.associations == wanted.associations, change
    assert found.default_accounts == wanted.default_accounts, change
    assert found.closed == wanted.closed, change


def test_the_other_way_round_it_is_the_same(cluster: Cluster, beside: ClusterBeside, shared: None) -> None:
    here = whole(door(cluster).observe_whole())
    theirs = door(cluster, beside.name)
    for change in (DrainAccount(THEIRS), RemoveUsers(THEIRS, BOTH), DeleteAccount(THEIRS)):
        theirs.apply(change)
    theirs.apply(DeleteAccount(SHARED))
    state = theirs.observe_whole()
    assert {SHARED, THEIRS}.isdisjoint(state.accounts)
    assert set(BOTH).isdisjoint(state.users)
    assert whole(door(cluster).observe_whole()) == here


def test_jobs_and_usage_are_each_cluster_s_own(cluster: Cluster, beside: ClusterBeside, shared: None) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    minute = timedelta(minutes=1)
    cluster.insert_jobs([PastJob(SHARED, ADA, hour, hour + minute, tres={"cpu": 1})])
    beside.insert_jobs([PastJob(SHARED, ADA, hour, hour + 2 * minute, tres={"cpu": 1})])
    for one in (cluster, beside):
        one.was_there_since(hour - timedelta(days=1))
    cluster.rollup(hour, hour + timedelta(hours=1))
    doors = (door(cluster), door(beside), door(beside, cluster.name), door(cluster, beside.name))
    assert [one.fetch_cluster_name() for one in doors] == ["sandbox", "beside", "sandbox", "beside"]
    bounds = (hour, hour + timedelta(hours=1))
    used = [int(one.fetch_usage(*bounds).seconds.loc[(SHARED, ADA), "cpu"]) for one in doors]
    booked = [one.fetch_books(*bounds, ["cpu"]).with_below[SHARED]["cpu"] for one in doors]
    assert (used, booked) == ([60, 120, 60, 120], [60, 120, 60, 120])
    cluster.sql("DELETE FROM sandbox_job_table WHERE id_job >= 10000000")


def test_jobs_are_cancelled_on_their_own_cluster_only(
    cluster: Cluster, beside: ClusterBeside, shared: None
) -> None:
    jobs = [one.submit(user=ADA, account=SHARED, seconds=600) for one in (cluster, beside)]
    for one, job in zip((cluster, beside), jobs, strict=True):
        one.wait_for_job(job, states={"RUNNING"})
    ours = door(beside, cluster.name)
    assert {int(job.job_id) for job in ours.fetch_active_jobs([SHARED])} == {jobs[0]}
    assert ours.fetch_runaways([SHARED]) == frozenset()
    assert checkup.fetch_runaways(ours) == frozenset()
    assert checkup.fetch_controller(ours.runner, ours.named)["ClusterName"] == "sandbox"
    ours.apply(CancelJobs(SHARED))
    assert cluster.wait_for_job(jobs[0]) == "CANCELLED"
    assert beside.wait_for_job(jobs[1], states={"RUNNING"}) == "RUNNING"
    with pytest.raises(SlurmUnavailable, match="jobs are still active"):
        door(beside).apply(DeleteAccount(SHARED))
    door(cluster, beside.name).apply(CancelJobs(SHARED, (ADA,)))
    assert beside.wait_for_job(jobs[1]) == "CANCELLED"


def test_who_changed_what_is_told_of_one_cluster(
    cluster: Cluster, beside: ClusterBeside, shared: None
) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    door(beside).apply(SetLimits(SHARED, {}, {"cpu": 77}))
    for one, is_told in ((door(cluster), False), (door(beside), True)):
        settings = [t.settings for t in one.fetch_transactions(since) if (SHARED, "") in t.pairs]
        assert (
            any("77" in str(s.get("grp_tres_mins")) or s.get("grp_tres_mins") == "" for s in settings[-1:])
            is is_told
        )


def test_when_one_slurmctld_is_down_the_other_cluster_goes_on(
    cluster: Cluster, beside: ClusterBeside, shared: None
) -> None:
    beside.stop()
    ours = door(cluster, cluster.name)
    assert ours.fetch_active_jobs([SHARED]) is not None
    theirs = door(cluster, beside.name)
    assert SHARED in theirs.observe().accounts, "slurmdbd has them still"
    with pytest.raises(SlurmUnavailable, match="does not answer"):
        theirs.fetch_active_jobs([SHARED])
    beside.start()
