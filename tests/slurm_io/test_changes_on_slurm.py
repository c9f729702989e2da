"""Each change on a real cluster does what the model says, the first time and the second."""

from __future__ import annotations

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
from allocations.plan import shows
from sandbox.slurm import SandboxError
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.errors import SlurmUnavailable
from tests.own_folder import person
from tests.slurm_io.place import DEFAULT, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from allocations.model import ClusterState
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


CASES: dict[str, Callable[[Place], list[Change]]] = {
    "new users are registered": lambda p: [RegisterUsers(p.users("new", "newer"), DEFAULT)],
    "users with another default account get the site's with its association": lambda p: [
        RegisterUsers(p.users("only", "new"), DEFAULT)
    ],
    "users of the site's account keep another default": lambda p: [
        RegisterUsers(p.users("main", "two"), DEFAULT)
    ],
    "users without a default account, or with nothing at all, are registered": lambda p: [
        RegisterUsers(p.users("blank", "lost"), DEFAULT)
    ],
    "an account is made with limits": lambda p: [
        CreateAccount(
            Account(p.account("new"), p.top, {"cpu": 60, "mem": 1536, "gres/gpu:a100": 0}, "It's | new")
        )
    ],
    "a branch is made": lambda p: [
        CreateAccount(Account(p.account("new"), ROOT)),
        CreateAccount(Account(p.account("newer"), p.account("new"))),
    ],
    "an account that is there stays as it is": lambda p: [
        CreateAccount(Account(p.full, p.top, {"cpu": 999}))
    ],
    "an account that drained and went is made anew and open": lambda p: [
        DrainAccount(p.bare),
        CloseUsers(p.bare, p.users("blank")),
        DeleteAccount(p.bare),
        CreateAccount(Account(p.bare, p.top)),
        AddUsers(p.bare, p.users("blank")),
    ],
    "an account moves with what is below it": lambda p: [
        CreateAccount(Account(p.account("below"), p.full)),
        MoveAccount(p.full, p.top, p.bare),
        MoveAccount(p.full, p.bare, ROOT),
    ],
    "limits are set and lifted": lambda p: [
        SetLimits(p.full, {"cpu": 5, "mem": 7}, {"cpu": 6, "gres/gpu": 0}),
        SetLimits(p.full, {"cpu": 6, "gres/gpu": 0}, {"mem": 1024}),
        SetLimits(p.full, {"mem": 1024}, {}),
    ],
    "users get an account": lambda p: [AddUsers(p.bare, p.users("only", "two", "main"))],
    "users without a default account get it with the first account": lambda p: [
        AddUsers(p.full, p.users("blank", "lost", "new"))
    ],
    "an account drains and is reopened": lambda p: [
        DrainAccount(p.full),
        ReopenAccount(p.full),
        DrainAccount(p.bare),
        ReopenAccount(p.bare),
    ],
    "users are closed and reopened": lambda p: [
        CloseUsers(p.full, p.users("only", "main")),
        ReopenUsers(p.full, p.users("main", "two")),
    ],
    "only associations that are there are closed": lambda p: [
        CloseUsers(p.full, p.users("only", "blank", "new"))
    ],
    "jobs that are not there are cancelled": lambda p: [
        CancelJobs(p.full),
        CancelJobs(p.full, p.users("two")),
    ],
    "defaults are moved, with the association or to it": lambda p: [
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT)
    ],
    "defaults are moved for whoever has none": lambda p: [
        MoveDefaults(p.users("blank", "lost"), p.bare, DEFAULT)
    ],
    "users lose an account": lambda p: [
        CloseUsers(p.full, p.users("two")),
        RemoveUsers(p.full, p.users("two")),
        AddUsers(p.full, p.users("two")),
    ],
    "users lose their default account": lambda p: [RemoveUsers(p.full, p.users("main", "two"))],
    "users lose their last account": lambda p: [RemoveUsers(p.full, p.users("only"))],
    "users lose what they do not have": lambda p: [RemoveUsers(p.full, p.users("blank", "new"))],
    "users are moved to the site's account before they lose theirs": lambda p: [
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT),
        RemoveUsers(p.full, p.users("only", "main", "two")),
    ],
    "an account goes with its associations, defaults and last associations": lambda p: [
        DeleteAccount(p.full)
    ],
    "a branch goes from below": lambda p: [
        DrainAccount(p.full),
        MoveDefaults(p.users("only", "main"), p.full, DEFAULT),
        DeleteAccount(p.full),
        DeleteAccount(p.bare),
        DeleteAccount(p.top),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_does_on_the_cluster_what_the_model_says(slurm: Slurm, place: Place, case: str) -> None:
    tried(slurm, *CASES[case](place))


def test_every_kind_of_change_was_tried() -> None:
    changes = [change for case in CASES.values() for change in case(Place(0))]
    assert {type(change) for change in changes} == set(Change.__args__)


def test_an_account_with_others_below_it_is_left_as_it_is(slurm: Slurm, place: Place) -> None:
    before = slurm.observe_whole()
    with pytest.raises(SlurmUnavailable, match=f"has accounts below it now \\({place.bare}, {place.full}\\)"):
        slurm.apply(DeleteAccount(place.top))
    assert whole(slurm.observe_whole()) == whole(before)


def test_slurm_itself_deletes_all_below_as_the_model_says(
    cluster: Cluster, slurm: Slurm, place: Place
) -> None:
    before = slurm.observe_whole()
    cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={place.top}")
    assert whole(slurm.observe_whole()) == whole(apply_to(before, DeleteAccount(place.top)))


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


def test_an_account_that_drains_takes_no_jobs_until_it_is_reopened(
    cluster: Cluster, slurm: Slurm, place: Place, people: tuple[UserName, UserName]
) -> None:
    slurm.apply(DrainAccount(place.bare))
    with refused_to_submit("AssocGrpSubmitJobsLimit"):
        cluster.submit(user=people[0], account=place.bare)
    slurm.apply(ReopenAccount(place.bare))
    cluster.submit("--hold", user=people[0], account=place.bare)
    slurm.apply(CancelJobs(place.bare))


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
