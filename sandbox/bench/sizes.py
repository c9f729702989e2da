"""How much there is at each size: figures, and nothing that follows from which of them it is."""

from __future__ import annotations

from dataclasses import dataclass

TEAM = 20
"""Members of a project."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    allocations: int
    users: int
    jobs: int
    """In the month so far."""
    orders: int
    """New ones that one pull carries out."""

    @property
    def projects(self) -> int:
        """Each user is in one, and each project has as many users."""
        return max(1, self.users // TEAM)

    @property
    def people(self) -> list[str]:
        """The users' names."""
        return [f"bu{number:05}" for number in range(self.users)]

    def team(self, project: int) -> list[str]:
        """The users of one project."""
        return self.people[project :: self.projects]

    def allocations_of(self, project: int) -> int:
        """How many allocations one project has."""
        return len(range(project, self.allocations, self.projects))

    @property
    def associations(self) -> int:
        """Of users with allocations."""
        return sum(len(self.team(one)) * self.allocations_of(one) for one in range(self.projects))


SIZES = {
    "S": Size(allocations=20, users=100, jobs=10_000, orders=20),
    "M": Size(allocations=500, users=2_000, jobs=250_000, orders=100),
    "L": Size(allocations=1_500, users=10_000, jobs=3_700_000, orders=100),
}
