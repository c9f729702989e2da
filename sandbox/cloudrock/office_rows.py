"""The back office's way to rows: find by uuid or name, and the people and organisations that tests need."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import delete, or_, select

from sandbox.cloudrock.tables import (
    Component,
    Customer,
    CustomerRole,
    FreeIpaProfile,
    Named,
    Offering,
    Plan,
    PlanPrice,
    Project,
    ProjectRole,
    ServiceProvider,
    Setting,
    User,
)
from sandbox.cloudrock.tokens import new_token

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from sandbox.cloudrock.parts import Parts

Row = TypeVar("Row", bound=Named)


def as_moment(moment: datetime | str) -> datetime:
    """A time, also as text; without a zone it is UTC."""
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def row_of(session: Session, table: type[Row], uuid: str) -> Row:
    """The row of this uuid."""
    row = session.scalar(select(table).where(table.uuid == uuid))
    if row is None:
        raise LookupError(f"no {table.__name__} {uuid}")
    return row


def user_of(session: Session, user: str) -> User:
    """The user of this username or uuid."""
    row = session.scalar(select(User).where(or_(User.username == user, User.uuid == user)))
    if row is None:
        raise LookupError(f"no user {user}")
    return row


class People:
    """Users, organisations, projects, profiles: made without REST, under any names."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store

    def _now(self) -> datetime:
        return self._parts.clock.now()

    def note(self, name: str, text: str) -> None:
        """Remember which row plays which part."""
        with self._store.writing() as session:
            session.add(Setting(name=name, text=text))

    def notes(self) -> dict[str, str]:
        """Which rows play which parts."""
        with self._store.reading() as session:
            return {row.name: row.text for row in session.scalars(select(Setting))}

    def add_user(
        self,
        username: str,
        full_name: str = "",
        *,
        is_staff: bool = False,
        is_support: bool = False,
        token_lifetime: int | None = None,
    ) -> dict[str, str]:
        """A user whose token does not perish, unless it is given a lifetime."""
        now = self._now()
        with self._store.writing() as session:
            user = User(
                username=username,
                full_name=full_name,
                email=f"{username}@example.com",
                is_staff=is_staff,
                is_support=is_support,
                token=new_token(),
                token_lifetime=token_lifetime,
                token_used=now,
                created=now,
            )
            session.add(user)
            session.flush()
            return {"uuid": user.uuid, "username": username, "token": user.token}

    def set_user_active(self, user: str, active: bool) -> None:  # noqa: FBT001 - also called with JSON
        """Switch a user off or on."""
        with self._store.writing() as session:
            user_of(session, user).is_active = active

    def age_token(self, user: str, seconds: float) -> None:
        """As if the token had last been used so long ago."""
        with self._store.writing() as session:
            row = user_of(session, user)
            row.token_used = datetime.fromtimestamp(self._now().timestamp() - seconds, UTC)

    def set_token_lifetime(self, user: str, seconds: int | None) -> None:
        """How long the token lasts unused; null is for ever."""
        with self._store.writing() as session:
            user_of(session, user).token_lifetime = seconds

    def add_customer(self, name: str, abbreviation: str = "") -> str:
        """An organisation."""
        with self._store.writing() as session:
            row = Customer(name=name, abbreviation=abbreviation, created=self._now())
            session.add(row)
            session.flush()
            return row.uuid

    def add_customer_role(self, customer: str, user: str, role: str) -> None:
        """Make a user the owner or a service_manager of an organisation."""
        with self._store.writing() as session:
            session.add(
                CustomerRole(
                    customer=row_of(session, Customer, customer), user=user_of(session, user), role=role
                )
            )

    def add_service_provider(self, customer: str) -> str:
        """Let an organisation make offerings."""
        with self._store.writing() as session:
            row = ServiceProvider(customer=row_of(session, Customer, customer), created=self._now())
            session.add(row)
            session.flush()
            return row.uuid

    def add_project(self, customer: str, name: str, description: str = "") -> str:
        """A project of an organisation."""
        with self._store.writing() as session:
            owner = row_of(session, Customer, customer)
            row = Project(customer=owner, name=name, description=description, created=self._now())
            session.add(row)
            session.flush()
            return row.uuid

    def add_member(self, project: str, user: str, role: str = "member") -> None:
        """Make a user admin, manager or member of a project."""
        with self._store.writing() as session:
            session.add(
                ProjectRole(
                    project=row_of(session, Project, project),
                    user=user_of(session, user),
                    role=role,
                    created=self._now(),
                )
            )

    def remove_member(self, project: str, user: str) -> None:
        """Take a user's part in a project away."""
        with self._store.writing() as session:
            session.execute(
                delete(ProjectRole).where(
                    ProjectRole.project_id == row_of(session, Project, project).id,
                    ProjectRole.user_id == user_of(session, user).id,
                )
            )

    def add_freeipa_profile(self, user: str, username: str) -> str:
        """Give a user a name on the clusters."""
        with self._store.writing() as session:
            row = FreeIpaProfile(user=user_of(session, user), username=username, created=self._now())
            session.add(row)
            session.flush()
            return row.uuid

    def remove_freeipa_profile(self, user: str) -> None:
        """Take it away again."""
        with self._store.writing() as session:
            session.execute(delete(FreeIpaProfile).where(FreeIpaProfile.user_id == user_of(session, user).id))

    def add_offering(self, customer: str, name: str, components: list[dict[str, object]]) -> str:
        """An active SLURM offering with these components, and no plan yet."""
        with self._store.writing() as session:
            row = Offering(name=name, customer=row_of(session, Customer, customer), created=self._now())
            session.add(row)
            for fields in components:
                row.components.append(Component(**fields))
            session.flush()
            return row.uuid

    def add_plan(self, offering: str, name: str, price: str = "1") -> str:
        """A plan in which every component costs the same."""
        with self._store.writing() as session:
            owner = row_of(session, Offering, offering)
            plan = Plan(name=name, offering=owner, created=self._now())
            session.add(plan)
            for component in owner.components:
                plan.prices.append(PlanPrice(component=component, price=Decimal(price)))
            session.flush()
            return plan.uuid

    def set_price(self, plan: str, type: str, price: str) -> None:  # noqa: A002
        """Give a component a price in a plan."""
        with self._store.writing() as session:
            row = row_of(session, Plan, plan)
            component = next(one for one in row.offering.components if one.type == type)
            session.execute(
                delete(PlanPrice).where(PlanPrice.plan_id == row.id, PlanPrice.component_id == component.id)
            )
            session.add(PlanPrice(plan_id=row.id, component=component, price=Decimal(price)))

    def configure_component(self, offering: str, type: str, **fields: object) -> None:  # noqa: A002
        """Set fields of a component, as somebody in the portal would."""
        with self._store.writing() as session:
            owner = row_of(session, Offering, offering)
            component = session.scalars(
                select(Component).where(Component.offering_id == owner.id, Component.type == type)
            ).one()
            for name, value in fields.items():
                if name not in Component.__table__.columns:
                    raise LookupError(f"a component has no {name}")
                setattr(component, name, value)
