"""What the marketplace stores about a resource in use: its users, its plan periods, its usage."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sandbox.cloudrock.tables import Allocation, Component, Named, Offering, Plan, Resource, Table, User


class Association(Named, Table):
    """A username that may use an allocation."""

    __tablename__ = "association"
    __table_args__ = (UniqueConstraint("allocation_id", "username"),)
    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    username: Mapped[str] = mapped_column(index=True)
    allocation: Mapped[Allocation] = relationship()


class PlanPeriod(Named, Table):
    """From when to when a resource had a plan: what usage is reported on."""

    __tablename__ = "plan_period"
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    start: Mapped[datetime]
    end: Mapped[datetime | None] = mapped_column(default=None)
    resource: Mapped[Resource] = relationship()
    plan: Mapped[Plan] = relationship()


class ComponentUsage(Named, Table):
    """How much of one component was used in one plan period and one month."""

    __tablename__ = "component_usage"
    __table_args__ = (
        UniqueConstraint("resource_id", "component_id", "plan_period_id", "billing_period"),
        CheckConstraint("length(description) <= 2000", name="description_fits"),
    )
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), index=True)
    component_id: Mapped[int] = mapped_column(ForeignKey("component.id", ondelete="CASCADE"), index=True)
    plan_period_id: Mapped[int] = mapped_column(ForeignKey("plan_period.id"), index=True)
    billing_period: Mapped[date]
    usage: Mapped[int] = mapped_column(BigInteger)
    date: Mapped[datetime]
    description: Mapped[str] = mapped_column(default="")
    recurring: Mapped[bool] = mapped_column(default=False)
    resource: Mapped[Resource] = relationship()
    component: Mapped[Component] = relationship()
    plan_period: Mapped[PlanPeriod] = relationship()
    reports: Mapped[list["UsageReport"]] = relationship(
        order_by="UsageReport.id", back_populates="component_usage", passive_deletes=True
    )


class UsageReport(Table):
    """One amount that was told for a row of usage, and when: the row itself keeps the last one only."""

    __tablename__ = "usage_report"
    component_usage_id: Mapped[int] = mapped_column(
        ForeignKey("component_usage.id", ondelete="CASCADE"), index=True
    )
    amount: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    component_usage: Mapped[ComponentUsage] = relationship(back_populates="reports")


class UserUsage(Table):
    """What one username used of an allocation in one month: three fixed columns, no billing."""

    __tablename__ = "user_usage"
    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), default=None)
    username: Mapped[str]
    month: Mapped[int]
    year: Mapped[int]
    cpu_usage: Mapped[int] = mapped_column(BigInteger)
    gpu_usage: Mapped[int] = mapped_column(BigInteger)
    ram_usage: Mapped[int] = mapped_column(BigInteger)
    allocation: Mapped[Allocation] = relationship()
    user: Mapped[User | None] = relationship()


class OfferingUser(Table):
    """A user's name in an offering, as its provider gave it."""

    __tablename__ = "offering_user"
    __table_args__ = (UniqueConstraint("offering_id", "user_id"),)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    username: Mapped[str]
    created: Mapped[datetime]
    modified: Mapped[datetime]
    offering: Mapped[Offering] = relationship()
    user: Mapped[User] = relationship()
