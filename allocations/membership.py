"""Who belongs to a project, under which names, and who may lose an association. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.accounts import UserName, is_user_name, user_name
from allocations.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allocations.marketplace import TeamMember


@dataclass(frozen=True, slots=True)
class Names:
    """User uuid to name on the cluster, from a source that is not the marketplace's own user names."""

    active: Mapping[str, str]
    inactive: Mapping[str, str]
    """Names that a user has and may not use now: they are not added, and not removed either."""
    source: str
    """For messages, such as `active FreeIPA profile`."""


@dataclass(frozen=True, slots=True)
class Team:
    """The people of one project as the cluster would know them."""

    users: tuple[UserName, ...] = ()
    """Who shall have an association."""
    may_stay: frozenset[str] = frozenset()
    """Who keeps one that is there, besides the users."""
    remarks: tuple[str, ...] = ()
    """Members who cannot be added, and why."""
    answered: bool = True
    """False when the marketplace gave no answer: then nothing is known, which is not an empty team."""

    def leavers(self, present: Iterable[UserName]) -> tuple[UserName, ...]:
        """Whose association goes: nobody's while the team is empty or unknown.

        Names that we could not have added, such as root, are somebody else's and stay.
        """
        if not self.answered or not self.users:
            return ()
        gone = set(present) - set(self.users) - self.may_stay
        return tuple(sorted(user for user in gone if is_user_name(user)))


UNKNOWN_TEAM = Team(answered=False)


def team_of(members: Iterable[TeamMember], names: Names | None) -> Team:
    """The team: each member once, by his marketplace name or by the one that the source has for him.

    A name that cannot be a user is set apart, never repaired; but who is on the cluster under that name in
    lower case, as SLURM would have stored it, may stay.
    """
    users: set[UserName] = set()
    stay: set[str] = set()
    remarks: list[str] = []
    for member in sorted(members, key=lambda one: (one.username, one.uuid)):
        if names is not None and member.uuid in names.inactive:
            stay.add(names.inactive[member.uuid])
        text = member.username if names is None else names.active.get(member.uuid)
        if text is None:
            source = names.source if names else ""
            remarks.append(f"team member {member.username!r} has no {source}: not added")
            continue
        try:
            users.add(user_name(text))
        except InvalidName as reason:
            stay.add(text.lower())
            remarks.append(f"team member not added: {reason}")
    return Team(tuple(sorted(users)), frozenset(stay), tuple(dict.fromkeys(remarks)))


def both(one: Team, other: Team) -> Team:
    """Two answers about one project: everybody of either stays, those of the first are added.

    Without a second answer, or with an empty one, nobody is removed.
    """
    stay = one.may_stay | other.may_stay | set(other.users)
    sure = one.answered and other.answered and bool(other.users)
    return Team(one.users, stay, tuple(dict.fromkeys(one.remarks + other.remarks)), answered=sure)
