"""The plan of a whole run, as tables and as laws over generated sites."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName, UserName
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
    accounts_of,
)
from allocations.errors import UnsafePlan
from allocations.guards import LARGEST_SHARE, SMALL_SITE, Guards, refuse_unsafe, removals_of
from allocations.kinds import Kind
from allocations.marketplace import OrderItemState, OrderItemType, ResourceState
from allocations.membership import UNKNOWN_TEAM, Team
from allocations.model import Association
from allocations.plan import Pause
from allocations.planning import Part, RunPlan, added_users, limit_components, plan_run
from tests.allocations.samples import (
    CUSTOMERS,
    DEFAULT,
    OFFERING,
    PROJECTS,
    RULES,
    STEM,
    Case,
    cases,
    cluster,
    deletes_subtree,
    kinds_of,
    order,
    ours,
    problems_of,
    resource,
    snapshot,
    states,
    team,
)

MANY = settings(max_examples=500)
REMOVALS = (CloseUsers, CancelJobs, MoveDefaults, RemoveUsers, DrainAccount, DeleteAccount)
CUSTOMER, PROJECT, OTHER = f"hpc_{'c' * 32}", f"hpc_{'d' * 32}", f"hpc_{'f' * 32}"
ONE, TWO = f"hpc_{STEM}_genomics", f"hpc_{STEM}_two"
TREE = (ours(CUSTOMER, ROOT), ours(PROJECT, CUSTOMER))
USERS = ((ONE, "ada"), (ONE, "bob"))
UNKNOWN = {project.uuid: UNKNOWN_TEAM for project, _ in PROJECTS}


def texts(plan: RunPlan) -> list[str]:
    return [str(change) for change in plan.changes]


def part_of(plan: RunPlan, kind: Kind) -> Part:
    (part,) = [part for part in plan.parts if part.kind is kind]
    return part


# Laws


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
        if part.plan.changes and part.kind is not Kind.LEFTOVERS:
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
    kinds = {Kind.CREATE, Kind.UPDATE, Kind.SWITCH, Kind.TERMINATE, Kind.MEMBERS, Kind.LEFTOVERS}
    changes = (RegisterUsers, CreateAccount, AddUsers, SetLimits, ReopenAccount, ReopenUsers, *REMOVALS)
    wanted = {*(kind.value for kind in kinds), *(one.__name__ for one in changes)} | {"refusal", "waiting"}
    assert wanted <= set(met), wanted - set(met)


# Tables


def test_a_create_order_makes_the_whole_branch_and_registers_newcomers_first() -> None:
    new = resource(state=ResourceState.CREATING)
    plan = plan_run(snapshot([new], [order(of=new, limits={"cpu": 2})]), cluster(), RULES)
    assert texts(plan) == [
        "+ users ada, bob to the cluster, default account cloudrock",
        f"+ account {CUSTOMER} under root",
        f"+ account {PROJECT} under {CUSTOMER}",
        f"+ account {ONE} under {PROJECT} (cpu 120 min, gres/gpu 60 min, mem 7 MB-min)",
        f"+ users ada, bob to {ONE}",
    ]
    (part,) = plan.parts
    assert (part.account, part.title) == (ONE, "Create order ba2b3000 'Genomics'")
    assert added_users(part.plan) == ("ada", "bob")


def test_newcomers_of_all_orders_are_registered_in_one_call() -> None:
    first = resource(1, name="one", state=ResourceState.CREATING)
    project, customer = PROJECTS[1]
    second = replace(resource(2, name="two", state=first.state), project=project, customer=customer)
    teams = {PROJECTS[0][0].uuid: team("ada", "bob"), project.uuid: team("bob", "eve")}
    plan = plan_run(snapshot([first, second], [order(of=first), order(of=second)], teams), cluster(), RULES)
    assert plan.newcomers == ("ada", "bob", "eve")
    assert not [c for part in plan.parts for c in part.plan.changes if isinstance(c, RegisterUsers)]
    made = [change.account.name for change in plan.changes if isinstance(change, CreateAccount)]
    assert len(made) == len(set(made)) == 5, "the customer's account is made once"


def test_without_newcomers_nobody_is_registered() -> None:
    plan = plan_run(snapshot([]), cluster(), RULES)
    assert (plan.registration.steps, plan.changes, plan.parts) == ((), (), ())


@pytest.mark.parametrize("places", list(permutations(range(3))))
def test_resources_with_one_preferred_name_get_three_in_any_order(places: tuple[int, ...]) -> None:
    new = [resource(number, state=ResourceState.CREATING) for number in range(3)]
    new = [replace(one, uuid=f"{STEM}{one.uuid[-3:]}{one.uuid[8:]}") for one in new]
    orders = [order(of=new[place]) for place in places]
    plan = plan_run(snapshot(new, orders), cluster(), RULES)
    names = [part.account for part in plan.parts]
    expected = [ONE] + [f"hpc_{new[place].uuid[:8]}_genomics" for place in places[1:]]
    assert names == expected, "the first order gets the preferred name"


def test_a_name_that_a_terminated_resource_records_stays_taken() -> None:
    old = resource(1, state=ResourceState.TERMINATED, account=ONE)
    new = resource(2, state=ResourceState.CREATING)
    (part,) = plan_run(snapshot([old, new], [order(of=new)]), cluster(), RULES).parts
    assert part.account == f"hpc_{new.uuid[:8]}_genomics"


WORK = (*TREE, ours(ONE, PROJECT, cpu=600, mem=7, **{"gres/gpu": 60}))


def test_an_update_sets_the_limits_as_ordered() -> None:
    one = resource(state=ResourceState.UPDATING, account=ONE)
    item = order(OrderItemType.UPDATE, one, limits={"cpu": 20, "mem": 3}, old_limits={"cpu": 10})
    plan = plan_run(snapshot([one], [item]), cluster(*WORK, users=USERS), RULES)
    before, after = "cpu 600 min, gres/gpu 60 min, mem 7", "cpu 1200 min, gres/gpu 60 min, mem 3"
    assert texts(plan) == [f"~ limits of {ONE}: {before} MB-min -> {after} MB-min"]
    assert part_of(plan, Kind.UPDATE).account == ONE


@pytest.mark.parametrize(("old", "kind"), [(None, Kind.SWITCH), ({}, Kind.UPDATE)])
def test_an_update_without_limits_keeps_those_of_the_resource(old: dict[str, int] | None, kind: Kind) -> None:
    one = resource(state=ResourceState.UPDATING, account=ONE, limits={"cpu": 20})
    item = order(OrderItemType.UPDATE, one, old_limits=old)
    plan = plan_run(snapshot([one], [item]), cluster(*WORK, users=USERS), RULES)
    (change,) = part_of(plan, kind).plan.changes
    assert isinstance(change, SetLimits)
    assert change.after == {"cpu": 1200, "gres/gpu": 60, "mem": 7}


def test_an_update_of_what_is_not_billed_by_limit_is_refused_because_done_would_fail_for_ever() -> None:
    one = resource(state=ResourceState.UPDATING, account=ONE)
    item = order(OrderItemType.UPDATE, one, limits={"gres/gpu": 5, "cpu": 1}, old_limits={})
    (part,) = plan_run(snapshot([one], [item]), cluster(*WORK), RULES).parts
    assert str(part.refusal) == (
        "the order limits 'gres/gpu', which the offering does not bill by limit: expected only cpu, mem"
    )
    bare = snapshot([one], [item], offering=replace(OFFERING, components=()))
    (part,) = plan_run(bare, cluster(*WORK), RULES).parts
    assert "expected only none" in str(part.refusal)
    assert limit_components(bare) == frozenset()


def test_an_order_without_its_resource_waits_and_says_for_what() -> None:
    early = replace(order(), resource_uuid=None)
    lost = replace(order(of=resource(7)), uuid="1" * 32)
    (first, second) = plan_run(snapshot([], [early, lost]), cluster(), RULES).parts
    assert first.waiting == "the marketplace has not made the resource yet"
    assert first.title == f"Create order {early.uuid[:8]} 'Genomics'"
    assert second.waiting.endswith("cannot be used: it is not among the offering's resources")
    said = snapshot([], [lost], unreadable_resources=("resource x: no name",))
    assert plan_run(said, cluster(), RULES).parts[0].waiting.endswith("cannot be used: resource x: no name")


def test_a_create_order_waits_for_the_team_and_an_update_does_not() -> None:
    new = resource(state=ResourceState.CREATING)
    (part,) = plan_run(snapshot([new], [order(of=new)], {}), cluster(), RULES).parts
    assert part.waiting == "the marketplace did not say who is in the project's team"
    one = resource(state=ResourceState.UPDATING, account=ONE)
    item = order(OrderItemType.UPDATE, one, limits={"cpu": 1}, old_limits={})
    (part,) = plan_run(snapshot([one], [item], UNKNOWN), cluster(*WORK, users=USERS), RULES).parts
    assert [type(change) for change in part.plan.changes] == [SetLimits]


def test_members_who_cannot_be_added_are_remarks_of_an_order() -> None:
    new = resource(state=ResourceState.CREATING)
    known = {new.project.uuid: replace(team("ada"), remarks=("team member 'Ö' is odd",))}
    (part,) = plan_run(snapshot([new], [order(of=new)], known), cluster(), RULES).parts
    assert part.remarks == ("team member 'Ö' is odd",)


def test_an_allocation_at_rest_gains_and_loses_members_and_the_gain_comes_first() -> None:
    one = resource(account=ONE)
    observed = cluster(*WORK, users=[(ONE, "bob"), (ONE, "eve")])
    plan = plan_run(snapshot([one]), observed, RULES)
    assert texts(plan) == [
        "+ user ada to the cluster, default account cloudrock",
        f"+ user ada to {ONE}",
        f"~ user eve of {ONE}: may submit no new jobs",
        f"- jobs of {ONE} by user eve",
        f"- user eve from {ONE}",
    ]
    assert [part.kind for part in plan.parts] == [Kind.MEMBERS, Kind.MEMBERS]
    assert plan.parts[0].title == "members 'Genomics'"


def test_an_allocation_at_rest_with_everything_is_not_worth_telling() -> None:
    assert plan_run(snapshot([resource(account=ONE)]), cluster(*WORK, users=USERS), RULES).parts == ()


def test_a_member_who_was_closed_and_came_back_may_submit_again() -> None:
    closed = frozenset({Association(AccountName(ONE), UserName("bob"))})
    observed = replace(cluster(*WORK, users=USERS), closed=closed)
    plan = plan_run(snapshot([resource(account=ONE)]), observed, RULES)
    assert plan.changes == (ReopenUsers(AccountName(ONE), (UserName("bob"),)),)


def test_limits_of_an_allocation_at_rest_are_set_back_only_where_they_are_ours() -> None:
    changed = (*TREE, ours(ONE, PROJECT, cpu=1))
    marketplace = snapshot([resource(account=ONE, limits={"cpu": 3})])
    observed = cluster(*changed, users=USERS)
    assert plan_run(marketplace, observed, RULES).changes == ()
    ((change,),) = [plan_run(marketplace, observed, replace(RULES, own_limits=True)).changes]
    assert isinstance(change, SetLimits)
    assert change.after["cpu"] == 180


def test_a_missing_account_is_a_remark_and_made_again_only_when_asked() -> None:
    one = resource(account=ONE, limits={"cpu": 3})
    marketplace = snapshot([one])
    observed = cluster(*TREE, defaults={"ada": DEFAULT, "bob": DEFAULT})
    (part,) = plan_run(marketplace, observed, RULES).parts
    assert (part.plan.steps, part.account) == ((), ONE)
    assert part.remarks == (
        f"the account {ONE} is missing on the cluster: `cloudrock-slurm repair {ONE}` makes it again",
    )
    part = part_of(plan_run(marketplace, observed, RULES, repair=[ONE]), Kind.REPAIR)
    assert [str(change) for change in part.plan.changes] == [
        f"+ account {ONE} under {PROJECT} (cpu 180 min, gres/gpu 60 min, mem 7 MB-min)",
        f"+ users ada, bob to {ONE}",
    ]


def test_an_account_that_drains_although_no_order_ends_it_takes_jobs_again() -> None:
    drained = replace(WORK[-1], draining=True, closed=True)
    plan = plan_run(snapshot([resource(account=ONE)]), cluster(*TREE, drained, users=USERS), RULES)
    assert plan.changes == (ReopenAccount(AccountName(ONE)),)
    (step,) = plan.parts[0].plan.steps
    assert step.reason == "its Terminate order was not carried out"


def test_an_account_that_an_operator_closed_stays_closed() -> None:
    closed = replace(WORK[-1], closed=True)
    plan = plan_run(snapshot([resource(account=ONE)]), cluster(*TREE, closed, users=USERS), RULES)
    assert plan.changes == ()


@pytest.mark.parametrize("account", ["somebody_elses", "hpc_00000_x", "hpc_1a2b3;x", DEFAULT, ROOT])
def test_a_backend_id_that_is_not_the_resources_is_refused_whatever_is_asked(account: str) -> None:
    for state, items in (
        (ResourceState.OK, []),
        (ResourceState.CREATING, [OrderItemType.CREATE]),
        (ResourceState.UPDATING, [OrderItemType.UPDATE]),
        (ResourceState.TERMINATING, [OrderItemType.TERMINATE]),
    ):
        one = resource(state=state, account=account)
        (part,) = plan_run(snapshot([one], [order(kind, one) for kind in items]), cluster(), RULES).parts
        assert part.refusal
        assert part.plan.changes == ()


def test_two_resources_that_record_one_account_are_told_apart_by_a_refusal() -> None:
    first, second = resource(1, account=ONE), resource(2, account=ONE)
    (part,) = plan_run(snapshot([first, second]), cluster(*WORK, users=USERS), RULES).parts
    assert part.resource == second
    assert "belongs to another resource" in str(part.refusal)


def test_an_account_that_somebody_else_made_is_refused() -> None:
    taken = (*TREE, replace(ours(OTHER, CUSTOMER)), replace(ours(ONE, OTHER), ours=False))
    marketplace = snapshot([resource(state=ResourceState.CREATING)], [order()])
    (part,) = plan_run(marketplace, cluster(*taken), RULES).parts
    assert "it was not made for this order and is left alone" in str(part.refusal)


def test_an_account_that_somebody_moved_after_its_order_was_done_is_kept_up_where_it_is() -> None:
    moved = (*TREE, replace(ours(OTHER, CUSTOMER)), replace(ours(ONE, OTHER), ours=False))
    parts = plan_run(snapshot([resource(account=ONE)]), cluster(*moved), RULES).parts
    assert [part.refusal for part in parts] == [None] * len(parts)
    assert not any(isinstance(change, MoveAccount) for part in parts for change in part.plan.changes)


def test_an_account_that_stands_elsewhere_and_is_not_ours_is_not_terminated() -> None:
    moved = (*TREE, replace(ours(OTHER, CUSTOMER)), replace(ours(ONE, OTHER), ours=False))
    ending = snapshot(
        [resource(account=ONE, state=ResourceState.TERMINATING)], [order(OrderItemType.TERMINATE)]
    )
    (part,) = plan_run(ending, cluster(*moved), RULES).parts
    assert "is left alone" in str(part.refusal)
    assert not part.plan


ENDING = resource(1, state=ResourceState.TERMINATING, account=ONE)
END = order(OrderItemType.TERMINATE, ENDING)


def test_the_last_termination_takes_the_accounts_above_with_it() -> None:
    plan = plan_run(snapshot([ENDING], [END]), cluster(*WORK, users=USERS), RULES)
    assert [str(step.act) for step in plan.parts[0].plan.steps] == [
        f"~ account {ONE}: takes no new jobs",
        f"- jobs of {ONE}",
        f"= wait for the end of the jobs of {ONE}",
        f"= report the final usage of {ONE}",
        f"- account {ONE}",
        f"- account {PROJECT}",
        f"- account {CUSTOMER}",
    ]


@pytest.mark.parametrize("state", [one for one in ResourceState if one is not ResourceState.TERMINATED])
def test_the_accounts_above_stay_for_another_resource_of_the_project(state: ResourceState) -> None:
    other = resource(2, name="two", state=state)
    plan = plan_run(snapshot([ENDING, other], [END]), cluster(*WORK, users=USERS), RULES)
    deleted = [c.account for c in plan.changes if isinstance(c, DeleteAccount)]
    assert deleted == [ONE]


def test_the_accounts_above_stay_for_an_order_that_is_still_to_come() -> None:
    coming = replace(order(), uuid="2" * 32, state=OrderItemState.PENDING, resource_uuid=None)
    plan = plan_run(snapshot([ENDING], [END, coming]), cluster(*WORK), RULES)
    assert [c.account for c in plan.changes if isinstance(c, DeleteAccount)] == [ONE]


def test_two_terminations_in_one_project_leave_its_account_to_the_next_run() -> None:
    second = resource(2, name="two", state=ResourceState.TERMINATING, account=TWO)
    case = Case(
        snapshot([ENDING, second], [END, order(OrderItemType.TERMINATE, second)]),
        cluster(*WORK, ours(TWO, PROJECT), users=USERS),
        RULES,
    )
    deleted = [c.account for c in case.plan().changes if isinstance(c, DeleteAccount)]
    assert deleted == [ONE, TWO], "one of them may still wait for its jobs when the other is through"
    later = case.moved_on().plan()
    assert texts(later) == [f"- account {PROJECT}", f"- account {CUSTOMER}"]
    part = part_of(later, Kind.LEFTOVERS)
    assert (part.order, part.account, part.title) == (None, None, "empty accounts 'Genomics'")


def test_an_empty_account_that_we_did_not_make_is_no_left_over() -> None:
    old = resource(1, state=ResourceState.TERMINATED, account=ONE)
    theirs = [replace(account, ours=False) for account in TREE]
    assert plan_run(snapshot([old]), cluster(*theirs), RULES).changes == ()


def test_a_termination_without_an_account_is_only_told_to_the_marketplace() -> None:
    bare = replace(ENDING, account=None)
    (part,) = plan_run(snapshot([bare], [END]), cluster(), RULES).parts
    assert (part.plan.steps, part.account, part.refusal) == ((), None, None)


def test_a_termination_of_an_account_with_others_below_is_refused() -> None:
    plan = plan_run(snapshot([ENDING], [END]), cluster(*WORK, ours("hpc_x", ONE)), RULES)
    assert "has accounts below it (hpc_x)" in str(part_of(plan, Kind.TERMINATE).refusal)


def test_a_customer_without_a_legal_uuid_is_refused() -> None:
    odd = resource(customer=replace(CUSTOMERS[0], uuid="x account=root"))
    for items in ([], [order(of=odd)], [order(OrderItemType.TERMINATE, odd)]):
        (part,) = plan_run(snapshot([odd], items), cluster(), RULES).parts
        assert "account name" in str(part.refusal)
