"""Who sees what, and who may do what: the difference between a 404 and a 403."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select, true

from sandbox.cloudrock.tables import (
    CustomerRole,
    Offering,
    Order,
    OrderItem,
    Project,
    ProjectRole,
    Resource,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from sandbox.cloudrock.tables import User


class Roles:
    """What one user is, read once for a request."""

    def __init__(self, session: Session, user: User) -> None:
        self.user = user
        rows = session.execute(
            select(CustomerRole.customer_id, CustomerRole.role).where(CustomerRole.user_id == user.id)
        ).all()
        self.owned = {customer for customer, role in rows if role == "owner"}
        self.managed = {customer for customer, role in rows if role == "service_manager"}
        self.projects: dict[int, set[str]] = {}
        for project, role in session.execute(
            select(ProjectRole.project_id, ProjectRole.role).where(ProjectRole.user_id == user.id)
        ):
            self.projects.setdefault(project, set()).add(role)

    @property
    def sees_everything(self) -> bool:
        """Staff and support."""
        return self.user.is_staff or self.user.is_support

    def sees_projects(self) -> ColumnElement[bool]:
        """The projects of the customer side: members and the customer's owners."""
        if self.sees_everything:
            return true()
        return or_(Project.id.in_(self.projects), Project.customer_id.in_(self.owned))

    def _of_my_projects(self) -> ColumnElement[bool]:
        return Project.id.in_(select(Project.id).where(self.sees_projects()))

    def _of_my_offerings(self) -> ColumnElement[bool]:
        return Offering.customer_id.in_(self.owned | self.managed)

    def sees_resources(self) -> ColumnElement[bool]:
        """Resources: the customer side, the offering's owner and its service manager."""
        if self.sees_everything:
            return true()
        mine = select(Project.id).where(self.sees_projects())
        offered = select(Offering.id).where(self._of_my_offerings())
        return or_(Resource.project_id.in_(mine), Resource.offering_id.in_(offered))

    def sees_order_items(self) -> ColumnElement[bool]:
        """Order items: the same people as for resources."""
        if self.sees_everything:
            return true()
        mine = select(Order.id).join(Order.project).where(self.sees_projects())
        offered = select(Offering.id).where(self._of_my_offerings())
        return or_(OrderItem.order_id.in_(mine), OrderItem.offering_id.in_(offered))

    def sees_orders(self) -> ColumnElement[bool]:
        """Orders: the customer side only."""
        if self.sees_everything:
            return true()
        return Order.project_id.in_(select(Project.id).where(self.sees_projects()))

    def sees_allocations(self) -> ColumnElement[bool]:
        """Allocations, asked for by themselves: the customer side only. The provider gets 404."""
        if self.sees_everything:
            return true()
        return Resource.project_id.in_(select(Project.id).where(self.sees_projects()))

    def sees_provider_offerings(self) -> ColumnElement[bool]:
        """Offerings, from the provider's side."""
        return true() if self.user.is_staff else self._of_my_offerings()

    def owns_offering(self, offering: Offering) -> bool:
        """May complete orders: the provider's owner and staff. Not the service manager."""
        return self.user.is_staff or offering.customer_id in self.owned

    def serves_offering(self, offering: Offering) -> bool:
        """May report on resources: the provider's owner, its service manager, staff."""
        return self.owns_offering(offering) or offering.customer_id in self.managed

    def approves_for(self, project: Project) -> bool:
        """May approve the project's orders for the customer."""
        return self.user.is_staff or project.customer_id in self.owned

    def runs_project(self, project: Project) -> bool:
        """May order changes in the project: its admins and managers, the customer's owner, staff."""
        return self.approves_for(project) or bool(self.projects.get(project.id, set()) & {"admin", "manager"})
