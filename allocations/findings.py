"""What a drift report is made of: typed findings, and who changed what. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from allocations.outcomes import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allocations.accounts import AccountName, UserName
    from allocations.history import Alternatives, Transaction
    from allocations.marketplace import RecordedAllocation, Resource
    from allocations.model import ClusterState
    from allocations.snapshot import Snapshot


class FindingKind(Enum):
    """In what way the cluster and the marketplace differ."""

    MISSING = "account missing"
    """A resource has no account on the cluster."""
    UNKNOWN = "account unknown"
    """An account with our prefix belongs to nothing in the marketplace."""
    LEFTOVER = "account left over"
    """An account belongs to nothing that is still alive."""
    PARENT = "account elsewhere"
    """An account stands below another one than it would be made under."""
    LIMITS = "limits differ"
    """The limits on the cluster are not those that were ordered."""
    MEMBER_MISSING = "member missing"
    """Somebody of the project's team has no association."""
    MEMBER_LEFT = "member who left"
    """Somebody with an association is not in the project's team."""
    CLOSED = "closed for jobs"
    """An account or a member can submit nothing."""
    DEFAULT_ACCOUNT = "default account"
    """A user's default account does not exist, or is about to go."""
    STATE = "state"
    """Resource, allocation and orders are in states that do not fit together."""
    BACKEND_ID = "backend id"
    """What the marketplace records as account is missing, doubled, or no account of the resource."""
    UNREADABLE = "unreadable"
    """An order or resource that could not be understood: nothing is known of it."""


class Mender(Enum):
    """Who puts a finding right."""

    PULL = "the next pull"
    REPAIR = "cloudrock-slurm repair"
    ADOPTION = "cloudrock-slurm pull --once --adopt-parents"
    PERSON = "a person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference: what is, what should be, and what to do."""

    kind: FindingKind
    found: str
    expected: str
    remedy: str
    mender: Mender = Mender.PERSON
    account: AccountName | None = None
    users: tuple[UserName, ...] = ()
    resource: Resource | None = None
    traces: tuple[Alternatives, ...] = field(default=(), compare=False)
    """What its cause, or the cause of each user's part of it, would look like among the transactions."""
    by: tuple[Transaction, ...] = field(default=(), compare=False)
    """The last such transactions, newest first; empty where slurmdbd does not know."""

    @property
    def subject(self) -> str:
        """What the finding is about, for a person."""
        if self.account:
            return self.account
        if self.resource:
            return f"resource {self.resource.uuid}"
        return ", ".join(self.users) or "the marketplace"

    @property
    def key(self) -> tuple[FindingKind, str, tuple[UserName, ...], str, str]:
        """What makes it the same finding at a second look."""
        return self.kind, self.subject, self.users, self.resource.uuid if self.resource else "", self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class BothSides:
    """The whole cluster and the whole marketplace, at one time."""

    snapshot: Snapshot
    observed: ClusterState
    allocations: Mapping[str, RecordedAllocation] = field(default_factory=dict)
    """Resource uuid to the allocation behind it, as far as the marketplace told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """The findings of one look at both sides."""

    findings: tuple[Finding, ...]
    resources: int
    """How many resources were compared, Terminated ones too."""
    accounts: int
    """How many managed accounts were."""
    notes: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def summary(self) -> str:
        """One sentence: `3 findings: 2 account missing, 1 state (...)`."""
        compared = f"{plural(self.resources, 'resource')}, {plural(self.accounts, 'managed account')}"
        if not self.findings:
            return f"no drift ({compared})"
        counts = {kind: sum(one.kind is kind for one in self.findings) for kind in FindingKind}
        listed = ", ".join(f"{count} {kind.value}" for kind, count in counts.items() if count)
        return f"{plural(len(self.findings), 'finding')}: {listed} ({compared})"


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by kind and subject."""
    rank = {kind: place for place, kind in enumerate(FindingKind)}
    unique = {one.key: one for one in reversed(findings)}
    return tuple(sorted(unique.values(), key=lambda one: (rank[one.kind], *one.key[1:])))
