"""The pages, each from one consistent state of the marketplace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import select

from sandbox.cloudrock.errors import NotFoundError
from sandbox.cloudrock.page import reading, wording
from sandbox.cloudrock.page.acting import CUSTOMER
from sandbox.cloudrock.tables import Named, Offering, OrderItem, Project, Resource, User
from sandbox.cloudrock.visibility import Roles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import TypeVar

    from sqlalchemy.orm import Session

    from sandbox.cloudrock.parts import Parts

    Row = TypeVar("Row", bound=Named)

REFRESH_SECONDS = 3
SMALLEST_SHARE = 0.0001


@dataclass(frozen=True)
class Surroundings:
    """What there is beside the marketplace, and where."""

    prefect_ui: str = ""
    """Its address; empty where there is none."""
    reports: Path | None = None
    """The folder of the agent's monthly reports."""

    def report(self) -> Path | None:
        """The report of the last push, if there is one."""
        if self.reports is None:
            return None
        files = self.reports.glob("usage-*.html")
        return max(files, key=lambda file: file.stat().st_mtime, default=None)


@dataclass(frozen=True)
class Visit:
    """How a page is looked at."""

    refreshes: bool = True
    """Whether it loads itself again while something is under way."""
    error: str = ""
    """Why the button that was just pressed did nothing."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """What was in its form."""


class Pages:
    """Makes the pages' text. All that people typed is data in it: the templates escape everything."""

    def __init__(self, parts: Parts, users: Mapping[str, str], around: Surroundings, key: str) -> None:
        self._parts = parts
        self._users = users
        self.around = around
        self._templates = Environment(
            loader=PackageLoader("sandbox.cloudrock.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(key=key, refresh_seconds=REFRESH_SECONDS, words=wording, around=around)
        self._templates.filters.update(moment=as_moment, percent=as_percent)

    def overview(self, visit: Visit) -> str:
        """Everything, and where to go on."""
        with self._parts.store.reading() as session:
            items = reading.newest_items(session)
            return self._render(
                "overview.html",
                visit,
                moving=reading.is_under_way(items),
                items=items,
                items_count=reading.count_of(session, OrderItem),
                resources=reading.newest_resources(session),
                resources_count=reading.count_of(session, Resource),
                offerings=reading.offerings(session),
            )

    def order_form(self, offering: str, visit: Visit) -> str:
        """The form for a new allocation."""
        with self._parts.store.reading() as session:
            return self._render(
                "order_form.html",
                visit,
                offering=_found(session, Offering, offering),
                projects=self._projects(session),
            )

    def item(self, uuid: str, visit: Visit) -> str:
        """One order item: where it stands."""
        with self._parts.store.reading() as session:
            item = _found(session, OrderItem, uuid)
            about = {item.uuid, *_uuids_of(item.resource)}
            return self._render(
                "item.html",
                visit,
                moving=reading.is_under_way([item]),
                item=item,
                requests=reading.requests_about(self._parts.journal, about),
            )

    def resource(self, uuid: str, visit: Visit) -> str:
        """One resource: its states, usage, users, orders, and what can be done with it."""
        now = self._parts.clock.now()
        with self._parts.store.reading() as session:
            resource = _found(session, Resource, uuid)
            items = reading.newest_items(session, resource)
            periods = reading.periods_of(session, resource)
            about = {*_uuids_of(resource), *(period.uuid for period in periods)}
            return self._render(
                "resource.html",
                visit,
                moving=reading.is_under_way(items),
                resource=resource,
                items=items,
                periods=periods,
                amounts=reading.amounts(session, resource, now),
                months=reading.by_month(session, resource),
                users=reading.user_rows(session, resource, now),
                columns=reading.USER_COLUMNS,
                usernames=reading.usernames_of(session, resource),
                plot=reading.plot_of(session, resource, now),
                limits=reading.limits_of(resource),
                requests=reading.requests_about(self._parts.journal, about),
                now=now,
            )

    def requests(self, visit: Visit, *, changes_only: bool) -> str:
        """What the agent, and everybody else, asked the API."""
        found = reading.requests(self._parts.journal, changes_only=changes_only)
        return self._render("requests.html", visit, requests=found, changes_only=changes_only)

    def message(self, title: str, sentence: str) -> str:
        """A page that says one thing."""
        return self._render("message.html", Visit(), title=title, sentence=sentence)

    def file(self, name: str) -> str:
        """What the pages load."""
        return self._templates.get_template(name).render()

    def _render(self, template: str, visit: Visit, *, moving: bool = False, **values: object) -> str:
        return self._templates.get_template(template).render(visit=visit, moving=moving, **values)

    def _projects(self, session: Session) -> list[Project]:
        """Those that the customer's owner may order for."""
        uuid = self._users[CUSTOMER]
        owner = session.scalars(select(User).where(User.uuid == uuid)).one()
        seen = select(Project).where(Roles(session, owner).sees_projects())
        return list(session.scalars(seen.order_by(Project.name, Project.id)))


def _found(session: Session, table: type[Row], uuid: str) -> Row:
    row = session.scalar(select(table).where(table.uuid == uuid))
    if row is None:
        raise NotFoundError
    return row


def _uuids_of(resource: Resource | None) -> set[str]:
    return set() if resource is None else {resource.uuid, resource.allocation.uuid}


def as_percent(share: float) -> str:
    """A share as people read it: one that is there is not shown as none."""
    return "under 0.01%" if 0 < share < SMALLEST_SHARE else f"{share:.2%}"


def as_moment(moment: datetime) -> str:
    """A time as people read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
