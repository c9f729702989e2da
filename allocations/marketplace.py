"""What the marketplace says, as typed records: orders, resources, teams, plan periods, usages.

These are Cloudrock's things in our words. `cloudrock_io` makes them from JSON; the rules read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class OrderItemState(Enum):
    """Where an order item stands. The values are the marketplace's own words, exact."""

    PENDING = "pending"
    EXECUTING = "executing"
    DONE = "done"
    ERRED = "erred"
    TERMINATED = "terminated"
    TERMINATING = "terminating"


class OrderItemType(Enum):
    """What an order item asks for."""

    CREATE = "Create"
    UPDATE = "Update"
    TERMINATE = "Terminate"


class ResourceState(Enum):
    """Where a marketplace resource stands."""

    CREATING = "Creating"
    OK = "OK"
    ERRED = "Erred"
    UPDATING = "Updating"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"


class AllocationState(Enum):
    """Where the SLURM allocation behind a resource stands, in the words the marketplace shows."""

    CREATION_SCHEDULED = "Creation Scheduled"
    CREATING = "Creating"
    UPDATE_SCHEDULED = "Update Scheduled"
    UPDATING = "Updating"
    DELETION_SCHEDULED = "Deletion Scheduled"
    DELETING = "Deleting"
    OK = "OK"
    ERRED = "Erred"


class BillingType(Enum):
    """How the marketplace charges for an offering component; only `usage` and `limit` take usage reports."""

    FIXED = "fixed"
    USAGE = "usage"
    ONE_TIME = "one"
    ON_PLAN_SWITCH = "few"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Party:
    """A customer or a project: who the allocation is for."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItem:
    """One thing a customer ordered from the offering."""

    uuid: str
    type: OrderItemType
    state: OrderItemState
    name: str
    """The name of the resource as the customer typed it: free text."""
    resource_uuid: str | None
    """The marketplace resource; None until the marketplace's own worker has made it."""
    customer: Party
    project: Party
    limits: Mapping[str, int] = field(default_factory=dict)
    """Component type to ordered amount, in measured units; the complete new limits for an Update."""
    old_limits: Mapping[str, int] | None = None
    """For an Update of limits what they were; None for everything else, a switch of plan included."""
    error_message: str = ""
    created: datetime | None = None
    is_approved: bool = True
    """False while the customer's side has not approved the order: the provider does not go before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A marketplace resource: one allocation, one SLURM account."""

    uuid: str
    name: str
    state: ResourceState
    allocation_uuid: str | None
    """The SLURM allocation's own uuid in the marketplace; None while there is none."""
    allocation_state: AllocationState | None
    """None where the marketplace does not tell: before the allocation's first change of state."""
    account: str | None
    """The SLURM account recorded as the resource's backend id; None while none is recorded."""
    customer: Party
    project: Party
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAllocation:
    """The SLURM allocation behind a resource, as the marketplace keeps it beside the resource."""

    uuid: str
    state: AllocationState
    account: str | None
    """The allocation's own backend id, which the resource's need not equal; None while there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMember:
    """A person of the project that owns a resource."""

    uuid: str
    username: str
    """The name in the marketplace: free text until `allocations.accounts` has accepted it."""
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeIpaProfile:
    """The operating-system name that the marketplace's FreeIPA keeps for a user."""

    user_uuid: str
    username: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A user's association with an allocation, as the marketplace shows it."""

    username: str
    allocation_uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPeriod:
    """A stretch of time under one plan; usage is reported into the one that is open."""

    uuid: str
    start: datetime | None
    end: datetime | None
    """None while the period is open."""
    usages: Mapping[str, int]
    """Component type to the amount that this period holds for the server's current month."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Component type to what stands beside that amount for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentUsage:
    """What the marketplace holds for one resource, component and month (one row per plan period)."""

    resource_uuid: str
    type: str
    amount: int
    billing_period: str
    """The first day of the month, YYYY-MM-DD, in UTC."""
    description: str = ""
    """What stands beside the amount for people."""
    created: datetime | None = None
    """When the row was made, which is while its plan period was open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingComponent:
    """One thing that is metered or limited in an offering."""

    type: str
    name: str
    measured_unit: str
    billing_type: BillingType
    fields: Mapping[str, object] = field(default_factory=dict)
    """Everything that the marketplace says of it, as it came: an update must send back all of it."""


@dataclass(frozen=True, slots=True)
class OfferedPlan:
    """One way to pay for the offering."""

    name: str
    in_use: bool
    """False for one that is archived, or may not be ordered any more."""
    priced: frozenset[str]
    """The types of the components that have a price in it, 0 included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """What the provider sells: here always a remotely managed SLURM cluster."""

    uuid: str
    name: str
    type: str
    state: str
    customer_uuid: str
    """The provider's organisation."""
    components: tuple[OfferingComponent, ...]
    plans: tuple[OfferedPlan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUsage:
    """What one user used of an allocation in one month: shown to people, never billed."""

    username: str
    year: int
    month: int
    """From 1 to 12; unlike component usage, any past month is accepted."""
    cpu: int
    gpu: int
    ram: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """Whom the API token speaks for, as far as the marketplace tells."""

    uuid: str
    username: str
    is_staff: bool | None
    """None where the marketplace does not say."""
    token_lifetime_seconds: int | None
    """How long the token lives unused; None for ever, the only value that suits a service."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Organisation uuid to what the user is there: `owner`, for instance."""
