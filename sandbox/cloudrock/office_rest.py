"""A large marketplace at rest: projects with members, and resources whose accounts are on the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from sqlalchemy import insert, select, update

from sandbox.cloudrock.office_bulk import add_resources
from sandbox.cloudrock.tables import FreeIpaProfile, Project, ProjectRole, Resource, User, new_uuid
from sandbox.cloudrock.tokens import new_token
from sandbox.cloudrock.usage_tables import Association, PlanPeriod

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sandbox.cloudrock.tables import Customer


PREFIX, HEX_DIGITS = "hpc_", 12
"""An account's name begins with the prefix and so much of its resource's uuid."""


class Rest(TypedDict):
    """One project at rest."""

    name: str
    users: list[str]
    resources: int
    """How many; every user of the project is associated with all of them."""
    limits: dict[str, object]


class Resting(TypedDict):
    """What it became."""

    project: str
    accounts: list[str]


@dataclass(frozen=True, slots=True)
class AtRest:
    """One customer's projects, with one offering and plan."""

    session: Session
    now: datetime
    customer: Customer
    offering: str
    plan: str
    since: datetime
    """When the plan periods began."""

    def add(self, rest: Rest) -> Resting:
        """One project."""
        project = Project(customer=self.customer, name=rest["name"], created=self.now)
        self.session.add(project)
        self.session.flush()
        self.add_people(rest["users"])
        add_roles(self.session, project, rest["users"], self.now)
        return {"project": project.uuid, "accounts": self.add_resources(project, rest)}

    def add_people(self, names: Sequence[str]) -> None:
        """Users with a name on the cluster, those that are not there yet."""
        there = set(self.session.scalars(select(User.username).where(User.username.in_(names))))
        common = {"created": self.now, "token_used": self.now, "is_staff": False, "is_support": False}
        rows = [
            {**common, "username": name, "full_name": name, "token": new_token(), "uuid": new_uuid()}
            for name in names
            if name not in there
        ]
        if not rows:
            return
        self.session.execute(insert(User), rows)
        numbers = _numbers(self.session, [str(row["username"]) for row in rows])
        profiles = [
            {"user_id": number, "username": name, "uuid": new_uuid(), "created": self.now}
            for name, number in numbers.items()
        ]
        self.session.execute(insert(FreeIpaProfile), profiles)

    def add_resources(self, project: Project, rest: Rest) -> list[str]:
        """Resources as their orders and their first runs have left them; their accounts."""
        parts = (project, self.offering, self.plan, rest["resources"], rest["name"])
        uuids = add_resources(self.session, self.now, *parts, usernames=0)
        rows = self.session.scalars(
            select(Resource).where(Resource.uuid.in_(uuids)).order_by(Resource.id)
        ).all()
        for row in rows:
            row.backend_id = row.allocation.backend_id = f"{PREFIX}{row.uuid[:HEX_DIGITS]}_bench"
            row.limits = dict(rest["limits"])
        mine = PlanPeriod.resource_id.in_([row.id for row in rows])
        self.session.execute(update(PlanPeriod).where(mine).values(start=self.since))
        associations = [
            {"allocation_id": row.allocation_id, "username": name, "uuid": new_uuid(), "created": self.now}
            for row in rows
            for name in rest["users"]
        ]
        if associations:
            self.session.execute(insert(Association), associations)
        return [row.backend_id for row in rows]


def add_roles(session: Session, project: Project, users: Sequence[str], now: datetime) -> None:
    """Make users members of a project."""
    numbers = _numbers(session, users)
    rows = [
        {"user_id": number, "project_id": project.id, "role": "member", "created": now}
        for number in numbers.values()
    ]
    if rows:
        session.execute(insert(ProjectRole), rows)


def _numbers(session: Session, users: Sequence[str]) -> dict[str, int]:
    found = session.execute(select(User.username, User.id).where(User.username.in_(users)))
    return {str(name): int(number) for name, number in found}
