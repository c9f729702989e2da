"""What the marketplace stores. One SQLite file; every row that the API names has a uuid of 32 hex digits."""

import uuid as uuids
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """SQLite keeps no time zone: times go in and come out in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002, D102
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


class ExactDecimal(TypeDecorator[Decimal]):
    """SQLite has no decimals: prices are kept as text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002, D102
        return None if value is None else Decimal(value)


def new_uuid() -> str:
    """32 hex digits, no dashes: the marketplace's own spelling."""
    return uuids.uuid4().hex


class Table(DeclarativeBase):
    """What every table has."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Decimal: ExactDecimal,
        dict[str, object]: JSON,
    }
    id: Mapped[int] = mapped_column(primary_key=True)


class Named:
    """What the tables have whose rows the API names."""

    uuid: Mapped[str] = mapped_column(String(32), unique=True, default=new_uuid)
    created: Mapped[datetime]


class Setting(Table):
    """What the seed noted: which rows play which part."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]


class User(Named, Table):
    """A person or an integration, and its token."""

    __tablename__ = "user"
    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_support: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    token: Mapped[str] = mapped_column(unique=True)
    token_lifetime: Mapped[int | None]
    token_used: Mapped[datetime]


class Customer(Named, Table):
    """An organisation: a client of the marketplace, a service provider, or both."""

    __tablename__ = "customer"
    name: Mapped[str]
    abbreviation: Mapped[str] = mapped_column(default="")


class CustomerRole(Table):
    """A user's part in an organisation: owner or service_manager."""

    __tablename__ = "customer_role"
    __table_args__ = (UniqueConstraint("user_id", "customer_id", "role"),)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    role: Mapped[str]
    user: Mapped[User] = relationship()
    customer: Mapped[Customer] = relationship()


class Project(Named, Table):
    """A customer's project: what a resource belongs to."""

    __tablename__ = "project"
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    customer: Mapped[Customer] = relationship(lazy="joined", innerjoin=True)


class ProjectRole(Table):
    """A user's part in a project: admin, manager or member."""

    __tablename__ = "project_role"
    __table_args__ = (UniqueConstraint("user_id", "project_id", "role"),)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    role: Mapped[str]
    created: Mapped[datetime]
    expiration_time: Mapped[datetime | None] = mapped_column(default=None)
    user: Mapped[User] = relationship()
    project: Mapped[Project] = relationship()


class ServiceProvider(Named, Table):
    """An organisation that may make offerings."""

    __tablename__ = "service_provider"
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship()


class FreeIpaProfile(Named, Table):
    """A user's name on the clusters."""

    __tablename__ = "freeipa_profile"
    username: Mapped[str] = mapped_column(index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), unique=True)
    user: Mapped[User] = relationship()


class Offering(Named, Table):
    """What a service provider offers: here, a SLURM cluster."""

    __tablename__ = "offering"
    name: Mapped[str]
    type: Mapped[str] = mapped_column(default="Marketplace.Slurm")
    state: Mapped[str] = mapped_column(default="Active")
    category_uuid: Mapped[str] = mapped_column(default=new_uuid)
    category_title: Mapped[str] = mapped_column(default="HPC")
    settings_uuid: Mapped[str] = mapped_column(default=new_uuid)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship(lazy="joined", innerjoin=True)
    components: Mapped[list["Component"]] = relationship(
        order_by="Component.name, Component.id", back_populates="offering"
    )
    plans: Mapped[list["Plan"]] = relationship(order_by="Plan.name, Plan.id", back_populates="offering")


class Component(Table):
    """One thing that an offering measures."""

    __tablename__ = "component"
    __table_args__ = (UniqueConstraint("offering_id", "type"),)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    type: Mapped[str] = mapped_column(String(50), index=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    measured_unit: Mapped[str] = mapped_column(default="")
    billing_type: Mapped[str]
    limit_period: Mapped[str | None] = mapped_column(default=None)
    limit_amount: Mapped[int | None] = mapped_column(default=None)
    article_code: Mapped[str] = mapped_column(default="")
    max_value: Mapped[int | None] = mapped_column(default=None)
    min_value: Mapped[int | None] = mapped_column(default=None)
    max_available_limit: Mapped[int | None] = mapped_column(default=None)
    is_boolean: Mapped[bool] = mapped_column(default=False)
    default_limit: Mapped[int | None] = mapped_column(default=None)
    offering: Mapped[Offering] = relationship(back_populates="components")


class Plan(Named, Table):
    """How an offering is paid."""

    __tablename__ = "plan"
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    name: Mapped[str]
    unit: Mapped[str] = mapped_column(default="month")
    offering: Mapped[Offering] = relationship(back_populates="plans")
    prices: Mapped[list["PlanPrice"]] = relationship(order_by="PlanPrice.id")


class PlanPrice(Table):
    """What one unit of a component costs in a plan."""

    __tablename__ = "plan_price"
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"), index=True)
    component_id: Mapped[int] = mapped_column(ForeignKey("component.id"))
    price: Mapped[Decimal]
    component: Mapped[Component] = relationship()


class Order(Named, Table):
    """What a customer asked for, in one go."""

    __tablename__ = "order"
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    state: Mapped[str] = mapped_column(default="requested for approval")
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), default=None)
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    project: Mapped[Project] = relationship(lazy="joined", innerjoin=True)
    created_by: Mapped[User] = relationship(foreign_keys=created_by_id)
    approved_by: Mapped[User | None] = relationship(foreign_keys=approved_by_id)
    items: Mapped[list["OrderItem"]] = relationship(order_by="OrderItem.id", back_populates="order")


class Allocation(Named, Table):
    """The SLURM side of a resource, with its own states and its own backend id."""

    __tablename__ = "allocation"
    state: Mapped[str] = mapped_column(default="Creation Scheduled")
    backend_id: Mapped[str] = mapped_column(default="")
    modified: Mapped[datetime]
    cpu_usage: Mapped[int] = mapped_column(BigInteger, default=0)
    gpu_usage: Mapped[int] = mapped_column(BigInteger, default=0)
    ram_usage: Mapped[int] = mapped_column(BigInteger, default=0)


class Resource(Named, Table):
    """What came of a Create order."""

    __tablename__ = "resource"
    name: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(default="Creating", index=True)
    backend_id: Mapped[str] = mapped_column(default="", index=True)
    modified: Mapped[datetime]
    attributes: Mapped[dict[str, object]] = mapped_column(default=dict)
    limits: Mapped[dict[str, object]] = mapped_column(default=dict)
    current_usages: Mapped[dict[str, object]] = mapped_column(default=dict)
    backend_metadata: Mapped[dict[str, object]] = mapped_column(default=dict)
    cost: Mapped[Decimal | None] = mapped_column(default=None)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"), index=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"), default=None)
    allocation_id: Mapped[int] = mapped_column(ForeignKey("allocation.id"), unique=True)
    offering: Mapped[Offering] = relationship()
    project: Mapped[Project] = relationship()
    plan: Mapped[Plan | None] = relationship()
    allocation: Mapped[Allocation] = relationship(lazy="joined", innerjoin=True)


class OrderItem(Named, Table):
    """One thing that an order asks for: to create, update or terminate a resource."""

    __tablename__ = "order_item"
    type: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending", index=True)
    modified: Mapped[datetime]
    attributes: Mapped[dict[str, object]] = mapped_column(default=dict)
    limits: Mapped[dict[str, object]] = mapped_column(default=dict)
    cost: Mapped[Decimal | None] = mapped_column(default=None)
    error_message: Mapped[str] = mapped_column(default="")
    error_traceback: Mapped[str] = mapped_column(default="")
    reviewed_at: Mapped[datetime | None] = mapped_column(default=None)
    waits_for_worker: Mapped[bool] = mapped_column(default=False, index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"), index=True)
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"), default=None)
    old_plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"), default=None)
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"), default=None, index=True)
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), default=None)
    order: Mapped[Order] = relationship(back_populates="items", lazy="joined", innerjoin=True)
    offering: Mapped[Offering] = relationship()
    plan: Mapped[Plan | None] = relationship(foreign_keys=plan_id)
    old_plan: Mapped[Plan | None] = relationship(foreign_keys=old_plan_id)
    resource: Mapped[Resource | None] = relationship(lazy="joined")
    reviewed_by: Mapped[User | None] = relationship()
