"""Who belongs to a project, under which names, and who may lose an association."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.accounts import UserName, is_user_name
from allocations.marketplace import TeamMember
from allocations.membership import UNKNOWN_TEAM, Names, Team, both, team_of
from tests.allocations.samples import team

ADA, BOB, EVE = UserName("ada"), UserName("bob"), UserName("eve")


def member(username: str, uuid: str = "") -> TeamMember:
    return TeamMember(uuid=uuid or f"u-{username}", username=username, role="member")


def test_members_are_each_user_once_and_the_refused_are_told_of() -> None:
    found = team_of([member(name) for name in ("eve", "ada", "ada", "x account=root", "", "root")], None)
    assert found.users == (ADA, EVE)
    assert [remark.split(":")[1].split(" cannot")[0] for remark in found.remarks] == [
        " user name ''",
        " user name 'root'",
        " user name 'x account=root'",
    ]
    assert found.answered


def test_a_name_in_upper_case_is_not_added_and_who_has_it_on_the_cluster_stays() -> None:
    found = team_of([member("Ada"), member("bob")], None)
    assert found.users == (BOB,)
    assert found.leavers([ADA, BOB, EVE]) == (EVE,), "SLURM stores Ada as ada"


NAMES = Names({"u-1": "ada", "u-2": "Bob "}, {"u-3": "eve"}, "active profile")


def test_another_source_of_names_says_who_is_who() -> None:
    found = team_of([member("a@x", "u-1"), member("b@x", "u-2"), member("c@x", "u-3"), member("d@x")], NAMES)
    assert found.users == (ADA,)
    assert found.may_stay == {"eve", "bob "}, "an inactive profile is not added, and not removed either"
    assert found.remarks[0].startswith("team member not added: user name 'Bob ' cannot be used in SLURM")
    assert found.remarks[1:] == (
        "team member 'c@x' has no active profile: not added",
        "team member 'd@x' has no active profile: not added",
    )


def test_a_profile_that_is_both_active_and_inactive_is_added() -> None:
    found = team_of([member("a@x", "u-1")], replace(NAMES, inactive={"u-1": "ada_old"}))
    assert (found.users, found.may_stay) == ((ADA,), {"ada_old"})


@pytest.mark.parametrize("silent", [Team(), UNKNOWN_TEAM, replace(team("ada"), answered=False)])
def test_nobody_leaves_a_team_that_is_empty_or_unknown(silent: Team) -> None:
    assert silent.leavers([ADA, BOB]) == ()


@given(st.sets(st.sampled_from(["ada", "bob", "eve", "root", "Odd", "x,y", "a" * 33])))
def test_only_names_that_we_could_have_added_leave(present: set[str]) -> None:
    gone = team("ada").leavers(map(UserName, present))
    assert set(gone) == {name for name in present if is_user_name(name)} - {"ada"}
    assert list(gone) == sorted(gone)


def test_who_is_in_either_of_two_answers_stays() -> None:
    sure = both(team("ada"), replace(team("bob"), may_stay=frozenset({"eve"})))
    assert sure.users == (ADA,)
    assert sure.leavers([ADA, BOB, EVE, UserName("max")]) == ("max",)


@pytest.mark.parametrize("second", [Team(), UNKNOWN_TEAM, Team(answered=False, remarks=("no answer",))])
def test_without_a_second_answer_nobody_is_removed_and_members_are_still_added(second: Team) -> None:
    doubt = both(replace(team("ada"), remarks=("odd",)), second)
    assert doubt.users == (ADA,)
    assert doubt.leavers([ADA, BOB]) == ()
    assert doubt.remarks == ("odd", *second.remarks)


def test_an_unknown_first_answer_stays_unknown() -> None:
    assert not both(UNKNOWN_TEAM, team("ada")).answered


@given(st.lists(st.builds(member, st.text(max_size=6))))
def test_any_team_is_legal_users_and_remarks(members: list[TeamMember]) -> None:
    found = team_of(members, None)
    assert all(map(is_user_name, found.users))
    assert list(found.users) == sorted(set(found.users))
    assert bool(found.remarks) == any(not is_user_name(one.username) for one in members)
