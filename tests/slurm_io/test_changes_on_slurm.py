"""Each change on a real cluster does what the model says, the first time and the second."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest

from allocations.accounts import ROOT, AccountName, UserName
from allocations.changes import (
    AddUsers,
    CancelJobs,
    Change,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    RegisterUsers,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    apply_to,
)
from allocations.model import Account
from allocations.plan import shows
from sandbox.slurm import SandboxError
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.errors import SlurmUnavailable
from slurm_io.runner_docker import DockerRunner
from tests.own_folder import person
from tests.slurm_io.change_cases import CASES, every_kind
from tests.slurm_io.place import DEFAULT, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allocations.model import ClusterState
    from sandbox.docker import Engine
    from sandbox.slurm import Cluster
    from tests.slurm_io.conftest import MakeRunner

pytestmark = pytest.mark.slurm
NUMBERS = count(1)


@pytest.fixture(scope="module")
def slurm(cluster: Cluster, make_runner: MakeRunner) -> Slurm:
    return Slurm(make_runner({**cluster.environment, **SLURM_ENVIRONMENT}))


@pytest.fixture
def place(cluster: Cluster) -> Place:
    place = Place(next(NUMBERS))
    for command in place.commands():
        cluster.run("sacctmgr", "-i", *command)
    time.sleep(1 - time.time() % 1)  # of associations of one second slurmdbd takes any as the newest
    return place


def whole(state: ClusterState) -> tuple[object, ...]:
    """Everything that a state says, also what `==` leaves out; descriptions are not read back."""
    accounts = {
        name: (one.parent, dict(one.grp_tres_mins), one.draining, one.closed, one.ours)
        for name, one in state.accounts.items()
    }
    return accounts, state.associations, dict(state.default_accounts), state.closed


def tried(slurm: Slurm, *changes: Change) -> ClusterState:
    """The cluster after the changes, each applied twice and each time as the model says."""
    state = slurm.observe_whole()
    for change in changes:
        for _ in range(2):
            state = apply_to(state, change)
            slurm.apply(change)
            after = slurm.observe_whole()
            assert whole(after) == whole(state)
        assert shows(after, change)
    return state


@pytest.mark.native_first
@pytest.mark.parametrize("case", CASES)
def test_a_change_does_on_the_cluster_what_the_model_says(slurm: Slurm, place: Place, case: str) -> None:
    tried(slurm, *CASES[case](place))


def test_every_kind_of_change_was_tried() -> None:
    for changes in ([change for case in CASES.values() for change in case(Place(0))], every_kind(Place(0))):
        assert {type(change) for change in changes} == set(Change.__args__)


@pytest.mark.docker
def test_every_kind_of_change_is_made_through_a_container(
    cluster: Cluster, place: Place, docker_engine: Engine, container: str
) -> None:
    runner = DockerRunner(container, {**cluster.environment, **SLURM_ENVIRONMENT}, docker_engine.environment)
    slurm = Slurm(runner)
    state = slurm.observe_whole()
    for change in every_kind(place):
        for _ in range(2):
            slurm.apply(change)
            state = apply_to(state, change)
        assert whole(slurm.observe_whole()) == whole(state), change


@pytest.mark.native_first
def test_an_account_with_others_below_it_is_left_as_it_is(slurm: Slurm, place: Place) -> None:
    before = slurm.observe_whole()
    with pytest.raises(SlurmUnavailable, match=f"has accounts below it now \\({place.bare}, {place.full}\\)"):
        slurm.apply(DeleteAccount(place.top))
    assert whole(slurm.observe_whole()) == whole(before)


@pytest.mark.native_first
def test_slurm_itself_deletes_all_below_as_the_model_says(
    cluster: Cluster, slurm: Slurm, place: Place
) -> None:
    before = slurm.observe_whole()
    cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={place.top}")
    assert whole(slurm.observe_whole()) == whole(apply_to(before, DeleteAccount(place.top)))


@pytest.mark.native_first
def test_an_account_whose_record_stayed_behind_keeps_its_organization(
    cluster: Cluster, slurm: Slurm, place: Place
) -> None:
    cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={place.top}")
    slurm.apply(CreateAccount(Account(place.bare, ROOT)))
    assert not slurm.observe_whole().accounts[place.bare].ours, "so it is never removed as a left-over"


@pytest.fixture
def people(cluster: Cluster, slurm: Slurm, place: Place) -> tuple[UserName, UserName]:
    """Two OS users who may run jobs under the place's account."""
    ada, max_ = UserName(person("ada")), UserName(person("max"))
    cluster.add_people(ada, max_)
    slurm.apply(RegisterUsers((ada, max_), DEFAULT))
    slurm.apply(AddUsers(place.bare, (ada, max_)))
    return ada, max_


@contextmanager
def refused_to_submit(reason: str) -> Iterator[None]:
    with pytest.raises(SandboxError, match=reason):
        yield


def test_jobs_keep_an_account_and_its_users_until_they_are_cancelled(
    cluster: Cluster, slurm: Slurm, place: Place, people: tuple[UserName, UserName]
) -> None:
    ada, max_ = people
    running = [cluster.submit(user=one, account=place.bare, seconds=600) for one in people]
    held = cluster.submit("--hold", user=ada, account=place.bare)
    for job in running:
        cluster.wait_for_job(job, states={"RUNNING"})
    before = slurm.observe_whole()
    active = slurm.fetch_active_jobs([place.bare])
    assert {(int(job.job_id), job.user) for job in active} == {
        (running[0], ada),
        (running[1], max_),
        (held, ada),
    }
    for change in (DeleteAccount(place.bare), RemoveUsers(place.bare, (max_,))):
        with pytest.raises(SlurmUnavailable, match="jobs are still active"):
            slurm.apply(change)
    assert whole(slurm.observe_whole()) == whole(before)
    slurm.apply(CancelJobs(place.bare, (ada,)))
    for job in (running[0], held):
        assert cluster.wait_for_job(job) == "CANCELLED"
    assert {job.user for job in settled(slurm, place.bare, 1)} == {max_}
    slurm.apply(CancelJobs(place.bare))
    assert cluster.wait_for_job(running[1]) == "CANCELLED"
    assert settled(slurm, place.bare, 0) == frozenset()
    tried(slurm, DeleteAccount(place.bare))


def settled(slurm: Slurm, account: AccountName, left: int) -> frozenset[object]:
    """The active jobs, once slurmctld has let go of those that completed."""
    found: frozenset[object] = frozenset()
    for _ in range(100):
        found = frozenset(slurm.fetch_active_jobs([account]))
        if len(found) == left:
            break
    return found


@pytest.mark.native_first
def test_an_account_that_drains_takes_no_jobs_until_it_is_reopened(
    cluster: Cluster, slurm: Slurm, place: Place, people: tuple[UserName, UserName]
) -> None:
    slurm.apply(DrainAccount(place.bare))
    with refused_to_submit("AssocGrpSubmitJobsLimit"):
        cluster.submit(user=people[0], account=place.bare)
    slurm.apply(ReopenAccount(place.bare))
    cluster.submit("--hold", user=people[0], account=place.bare)
    slurm.apply(CancelJobs(place.bare))


@pytest.mark.native_first
def test_a_user_who_is_closed_submits_nothing_and_others_do(
    cluster: Cluster, slurm: Slurm, place: Place, people: tuple[UserName, UserName]
) -> None:
    ada, max_ = people
    slurm.apply(CloseUsers(place.bare, (ada,)))
    with refused_to_submit("AssocGrpSubmitJobsLimit"):
        cluster.submit(user=ada, account=place.bare)
    cluster.submit("--hold", user=max_, account=place.bare)
    slurm.apply(ReopenUsers(place.bare, (ada,)))
    cluster.submit("--hold", user=ada, account=place.bare)
    slurm.apply(CancelJobs(place.bare))
