"""Drift, as laws over generated sites that people have worked on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import ROOT, AccountName
from allocations.drift import drift
from allocations.findings import BothSides, FindingKind, Mender
from allocations.marketplace import (
    ResourceState,
)
from allocations.membership import UNKNOWN_TEAM, Team
from allocations.planning import plan_run
from tests.allocations.drift_sites import (
    ADA,
    BOB,
    DEFAULT,
    EVE,
    RULES,
    both_sides,
    mended,
    resource,
    settled,
    with_account,
    with_members,
    without_account,
)

if TYPE_CHECKING:
    from allocations.findings import Finding

K, M = FindingKind, Mender
USERS = [ADA, BOB, EVE]
TEAMS = st.one_of(
    st.lists(st.sampled_from(USERS), unique=True).map(lambda users: Team(tuple(sorted(users)))),
    st.just(UNKNOWN_TEAM),
)
STATES = st.sampled_from([ResourceState.OK, ResourceState.OK, ResourceState.TERMINATED])


@st.composite
def sites(draw: st.DrawFn) -> BothSides:
    """Some resources of some projects, and the cluster as pull has left it."""
    numbers = draw(st.lists(st.integers(1, 0xFFFFF), unique=True, min_size=1, max_size=5))
    resources = [resource(number, draw(st.integers(1, 3)), draw(STATES)) for number in numbers]
    return settled(resources, {project: draw(TEAMS) for project in (1, 2, 3)})


def damage(draw: st.DrawFn, sides: BothSides, name: AccountName) -> BothSides:
    """What somebody does to an account on the cluster."""
    hit = sides.observed.accounts[name]
    ways: dict[str, BothSides] = {
        "limits": with_account(sides, replace(hit, grp_tres_mins={"cpu": draw(st.integers(0, 9))})),
        "moved": with_account(sides, replace(hit, parent=ROOT)),
        "members": with_members(sides, name, draw(st.sets(st.sampled_from(USERS)))),
        "draining": with_account(sides, replace(hit, draining=True, closed=True)),
        "closed": with_account(sides, replace(hit, closed=True)),
        "strange": with_account(sides, replace(hit, parent=DEFAULT, ours=draw(st.booleans()))),
    }
    if not sides.observed.children_of(name):
        ways["gone"] = without_account(sides, name)
    return ways[draw(st.sampled_from(sorted(ways)))]


@st.composite
def damaged(draw: st.DrawFn) -> BothSides:
    """A site in line, and then what people did to the cluster."""
    sides = draw(sites())
    names = [name for name in sorted(sides.observed.accounts) if name not in (ROOT, DEFAULT)]
    for name in draw(st.lists(st.sampled_from(names), unique=True)) if names else ():
        sides = damage(draw, sides, name)
    return sides


@given(sites())
def test_a_cluster_that_pull_has_just_brought_in_line_has_no_drift(sides: BothSides) -> None:
    assert drift(sides, RULES) == ()


def by(mender: Mender, findings: tuple[Finding, ...]) -> set[object]:
    return {finding.key for finding in findings if finding.mender is mender}


@given(damaged())
def test_what_pull_would_mend_is_found_and_is_all_that_pull_mends(sides: BothSides) -> None:
    before = drift(sides, RULES)
    plan = plan_run(sides.snapshot, sides.observed, RULES)
    observed = plan.registration.applied_to(sides.observed)
    for part in plan.parts:
        observed = part.plan.applied_to(observed)
    assert bool(plan.changes) == bool(by(M.PULL, before))
    after = drift(both_sides(sides.snapshot, observed), RULES)
    assert not by(M.PULL, after)
    for mender in (M.REPAIR, M.ADOPTION):
        assert by(mender, before) == by(mender, after)


@given(damaged())
def test_what_a_strict_pull_would_do_besides_is_found(sides: BothSides) -> None:
    strict = replace(RULES, own_limits=True, adopt_parents=True)
    after = drift(both_sides(sides.snapshot, mended(sides.snapshot, sides.observed, strict)), RULES)
    assert not [finding for finding in after if finding.mender is not M.PERSON]
    assert not [one for one in after if one.kind is K.LIMITS]


@given(damaged(), st.booleans())
def test_an_unknown_or_empty_team_removes_nobody(sides: BothSides, is_known: bool) -> None:  # noqa: FBT001
    teams = dict.fromkeys(sides.snapshot.teams, Team() if is_known else UNKNOWN_TEAM)
    silent = replace(sides, snapshot=replace(sides.snapshot, teams=teams))
    kinds = {finding.kind for finding in drift(silent, RULES)}
    assert not kinds & {K.MEMBER_LEFT, K.MEMBER_MISSING}
