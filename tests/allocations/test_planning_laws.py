"""The plan of a whole run: laws over generated sites."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from allocations.accounts import ROOT
from allocations.changes import (
    AddUsers,
    CancelJobs,
    CloseUsers,
    CreateAccount,
    DeleteAccount,
    DrainAccount,
    MoveDefaults,
    RegisterUsers,
    RemoveUsers,
    ReopenAccount,
    ReopenUsers,
    SetLimits,
    accounts_of,
)
from allocations.errors import UnsafePlan
from allocations.guards import LARGEST_SHARE, SMALL_SITE, Guards, refuse_unsafe, removals_of
from allocations.kinds import Kind
from allocations.membership import UNKNOWN_TEAM, Team
from allocations.plan import Pause
from allocations.snapshot import LIVE
from tests.allocations.plans import texts
from tests.allocations.samples import (
    DEFAULT,
    PROJECTS,
    RULES,
    STEM,
    ours,
    problems_of,
    states,
)
from tests.allocations.sites import Case, cases, deletes_subtree, kinds_of

if TYPE_CHECKING:
    from allocations.planning import Part, RunPlan

MANY = settings(max_examples=500)
REMOVALS = (CloseUsers, CancelJobs, MoveDefaults, RemoveUsers, DrainAccount, DeleteAccount)
CUSTOMER, PROJECT, OTHER = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}", f"hpc_{'f' * 32}"
ONE, TWO = f"hpc_{STEM}_genomics", f"hpc_{STEM}_two"
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
USERS = ((ONE, "ada"), (ONE, "bob"))
UNKNOWN = {project.uuid: UNKNOWN_TEAM for project, _ in PROJECTS}


@MANY
@given(cases())
def test_once_applied_there_is_nothing_more_to_change(case: Case) -> None:
    later = case.moved_on()
    for _ in range(2):  # what two orders of one run leave behind goes with the next run
        later = later.moved_on()
    plan = later.plan()
    assert [text for text in texts(plan) if not text.startswith("- jobs")] == []


@MANY
@given(cases())
def test_a_second_run_changes_only_what_the_first_could_not(case: Case) -> None:
    again = case.moved_on().plan()
    for part in again.parts:
        if part.plan.changes and part.kind not in (Kind.LEFTOVERS, Kind.ABANDONED):
            assert part.resource
            had_an_order = part.resource.uuid in {one.resource_uuid for one in case.snapshot.executing}
            was_recorded = case.snapshot.resources[part.resource.uuid].account is not None
            assert had_an_order or not was_recorded, "only what is seen at rest for the first time"


@MANY
@given(cases())
def test_what_is_not_managed_is_untouched(case: Case) -> None:
    after = states(case.observed, case.plan().changes)[-1]
    for name, account in case.observed.accounts.items():
        if not RULES.naming.is_managed(name):
            assert after.accounts[name] == account
            if name != DEFAULT:
                assert after.users_of(name) == case.observed.users_of(name)
    assert after.users_of(DEFAULT) >= case.observed.users_of(DEFAULT)


@MANY
@given(cases())
def test_only_managed_accounts_are_written_to_and_the_guards_agree(case: Case) -> None:
    plan = case.plan()
    for change in plan.changes:
        assert all(RULES.naming.is_managed(name) for name in accounts_of(change)), change
    refuse_unsafe(plan.changes, case.observed, case.rules, Guards(force=True))


@MANY
@given(cases())
def test_every_prefix_of_a_plan_is_a_valid_cluster(case: Case) -> None:
    assert problems_of(case.observed) == [], "the generator is right"
    for state in states(case.observed, case.plan().changes):
        assert problems_of(state) == []


@MANY
@given(cases())
def test_nobody_is_ever_without_an_association_who_had_one(case: Case) -> None:
    before = {pair.user for pair in case.observed.associations}
    for state in states(case.observed, case.plan().changes):
        assert {pair.user for pair in state.associations} >= before


@MANY
@given(cases())
def test_nobody_is_ever_without_a_default_account_who_had_one(case: Case) -> None:
    for state in states(case.observed, case.plan().changes):
        assert set(state.default_accounts) >= set(case.observed.default_accounts)


@MANY
@given(cases(), st.data())
def test_no_account_goes_with_others_below_it_even_where_terminations_wait_for_jobs(
    case: Case, data: st.DataObject
) -> None:
    plan = case.plan()
    state = states(case.observed, plan.registration.changes)[-1]
    for part in plan.parts:
        waits = data.draw(st.booleans())
        for step in part.plan.steps:
            if isinstance(step.act, Pause):
                if waits:
                    break
                continue
            assert not deletes_subtree(state, step.act), step
            state = states(state, [step.act])[-1]
    assert problems_of(state) == []


@MANY
@given(cases())
def test_additions_come_before_removals(case: Case) -> None:
    removing = [isinstance(change, REMOVALS) for change in case.plan().changes]
    assert removing == sorted(removing)


@MANY
@given(cases())
def test_an_empty_or_unknown_team_removes_nobody(case: Case) -> None:
    silent = {uuid: UNKNOWN_TEAM if one.users else Team() for uuid, one in case.snapshot.teams.items()}
    plan = replace(case, snapshot=replace(case.snapshot, teams=silent)).plan()
    assert not [change for change in plan.changes if isinstance(change, RemoveUsers | CloseUsers)]


@MANY
@given(cases())
def test_members_stay_and_so_does_who_is_sure_to_stay(case: Case) -> None:
    plan = case.plan()
    for part in plan.parts:
        gone = {u for c in part.plan.changes if isinstance(c, RemoveUsers | CloseUsers) for u in c.users}
        if part.resource:
            known = case.snapshot.team(part.resource)
            assert not gone & (set(known.users) | known.may_stay)


@MANY
@given(cases())
def test_two_resources_never_get_one_account(case: Case) -> None:
    taken = Counter(part.account for part in unique_by_resource(case.plan()) if part.account)
    assert not [name for name, count in taken.items() if count > 1]


def unique_by_resource(plan: RunPlan) -> list[Part]:
    return list({part.resource.uuid: part for part in plan.parts if part.resource and part.account}.values())


@MANY
@given(cases())
def test_planning_is_the_same_every_time(case: Case) -> None:
    assert repr(case.plan()) == repr(case.plan())


@MANY
@given(cases())
def test_no_account_of_a_living_resource_goes_without_a_terminate_order(case: Case) -> None:
    parts = [part for part in case.plan().parts if part.kind is not Kind.TERMINATE]
    going = {
        c.account for part in parts for c in part.plan.changes if isinstance(c, DeleteAccount | DrainAccount)
    }
    assert not going & {one.account for one in case.snapshot.resources.values() if one.state in LIVE}


@MANY
@given(cases())
def test_every_executing_order_is_told_of_once(case: Case) -> None:
    told = [part.order for part in case.plan().parts if part.order]
    assert sorted(item.uuid for item in told) == sorted(item.uuid for item in case.snapshot.executing)


@MANY
@given(cases(), st.integers(0, 6))
def test_a_plan_that_the_guards_let_through_is_within_the_caps(case: Case, most: int) -> None:
    plan = case.plan()
    try:
        found = refuse_unsafe(plan.changes, case.observed, case.rules, Guards(most))
    except UnsafePlan:
        assert removals_of(plan.changes, case.observed, case.rules).total > 0
        return
    after = states(case.observed, plan.changes)[-1]
    gone = [name for name in case.observed.accounts if name not in after.accounts]
    assert len(gone) == found.accounts <= most
    assert found.total <= most
    managed = [name for name in case.observed.accounts if RULES.naming.is_managed(name)]
    if len(managed) >= SMALL_SITE:
        assert len(gone) * 100 <= LARGEST_SHARE * len(managed)


def test_the_laws_meet_every_kind_of_order_and_of_change() -> None:
    met: Counter[str] = Counter()

    @MANY
    @given(cases())
    def look(case: Case) -> None:
        plan = case.plan()
        met.update(kinds_of(case))
        met.update({type(change).__name__ for change in plan.changes})
        met.update({part.kind.value for part in plan.parts})
        met.update({"refusal" for part in plan.parts if part.refusal})
        met.update({"waiting" for part in plan.parts if part.waiting})

    look()
    kinds = set(Kind) - {Kind.REPAIR}
    changes = (RegisterUsers, CreateAccount, AddUsers, SetLimits, ReopenAccount, ReopenUsers, *REMOVALS)
    wanted = {*(kind.value for kind in kinds), *(one.__name__ for one in changes)} | {"refusal", "waiting"}
    assert wanted <= set(met), wanted - set(met)
