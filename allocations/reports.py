"""Which amounts go where: the month's usage of each resource against what the marketplace holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.accounts import AccountName
from allocations.billing import SECONDS_PER_MINUTE, amounts_of
from allocations.marketplace import BillingType
from allocations.shares import user_amounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from allocations.components import Components
    from allocations.marketplace import ComponentUsage, Offering, Resource
    from allocations.model import ClusterState

REPORTED = frozenset({BillingType.USAGE, BillingType.LIMIT})
"""The billing types that take usage (contract 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUsage:
    """One resource's month: what the cluster says and what the marketplace holds."""

    resource: Resource
    account: AccountName
    tres_seconds: Mapping[str, int]
    amounts: Mapping[str, int]
    """Component type to the month's absolute amount, in measured units."""
    users: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """User to component type to his share of that amount: they add up to it."""
    held: Mapping[str, int]
    """Component type to the amount that the marketplace holds; absent where none, which is not zero."""
    carried: Mapping[str, int] = field(default_factory=dict)
    """Component type to what is added for the month before; absent where nothing is said of it."""
    held_carried: Mapping[str, int] = field(default_factory=dict)
    """The same of the rows that the marketplace holds."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Component type to what people shall read beside the amount."""

    @property
    def totals(self) -> dict[str, int]:
        """Component type to what the month's rows shall hold together."""
        return {kind: amount + self.carried.get(kind, 0) for kind, amount in self.amounts.items()}

    @property
    def differs(self) -> bool:
        """Whether the marketplace holds anything else."""
        return any(
            self.held.get(kind) != total or self.held_carried.get(kind) != self.carried.get(kind)
            for kind, total in self.totals.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One line of the run's report: one component of one resource."""

    account: str
    resource_name: str
    component: str
    tres_seconds: int
    amount: int
    unit: str
    held: int | None
    result: str


def reportable(components: Components, offering: Offering) -> tuple[dict[str, str], list[str]]:
    """The component types that can be reported, and what is wrong with the others.

    The marketplace refuses a whole report for one type that it does not know or meter.
    """
    known = {component.type: component for component in offering.components}
    problems = []
    accepted = {}
    for kind, component in components.items():
        found = known.get(kind)
        if found is None:
            problems.append(f"component {kind!r} is configured, but the offering {offering.name!r} has none")
        elif found.billing_type not in REPORTED:
            problems.append(
                f"component {kind!r} is billed as {found.billing_type.value!r} by the offering: usage can be "
                "reported for 'usage' and 'limit' only"
            )
        else:
            accepted[kind] = component.measured_unit
    return accepted, problems


def held_amounts(rows: Iterable[ComponentUsage]) -> dict[str, dict[str, int]]:
    """Resource uuid to component type to the month's amount, summed over its plan periods."""
    held: dict[str, Counter[str]] = {}
    for row in rows:
        held.setdefault(row.resource_uuid, Counter())[row.type] += row.amount
    return {uuid: dict(amounts) for uuid, amounts in held.items()}


def claimed(
    resources: Sequence[Resource], observed: ClusterState
) -> tuple[list[tuple[Resource, AccountName]], list[str]]:
    """Each resource with its account, and what is wrong with the others.

    A resource without an account on the cluster is a problem, never a zero; an account that two resources
    record would be billed twice, so it is billed to neither.
    """
    claims = Counter(resource.account for resource in resources if resource.account)
    good, problems = [], []
    for resource in resources:
        named = f"resource {resource.uuid} ({resource.name!r})"
        if resource.account is None:
            problems.append(f"{named} records no backend id: its usage cannot be found")
        elif claims[resource.account] > 1:
            problems.append(
                f"{named} records the account {resource.account!r}, and so does another resource: "
                "neither is billed until one of them is corrected"
            )
        elif resource.account not in observed.accounts:
            problems.append(f"{named}: its account {resource.account!r} is not on the cluster")
        else:
            good.append((resource, AccountName(resource.account)))
    return good, problems


def usage_of(
    claims: Iterable[tuple[Resource, AccountName]],
    seconds: Mapping[str, Mapping[str, Mapping[str, int]]],
    held: Mapping[str, Mapping[str, int]],
    components: Components,
) -> list[ResourceUsage]:
    """Each resource's month, from account to user to TRES to seconds.

    An account without any job used zero: that is known, not missing.
    """
    usages = []
    for resource, account in claims:
        by_user = seconds.get(account, {})
        total: Counter[str] = Counter()
        for row in by_user.values():
            total.update(row)
        amounts = amounts_of(total, components)
        usage = ResourceUsage(
            resource=resource,
            account=account,
            tres_seconds=dict(total),
            amounts=amounts,
            users=user_amounts(by_user, amounts, components),
            held=held.get(resource.uuid, {}),
        )
        usages.append(usage)
    return usages


def lines_of(usage: ResourceUsage, components: Components, result: str) -> list[UsageLine]:
    """The report's lines for one resource, one for each component."""
    return [
        UsageLine(
            account=usage.account,
            resource_name=usage.resource.name,
            component=kind,
            tres_seconds=usage.tres_seconds.get(kind, 0),
            amount=total,
            unit=components[kind].measured_unit,
            held=usage.held.get(kind),
            result=result,
        )
        for kind, total in usage.totals.items()
    ]


def seconds_held(usage: ResourceUsage, components: Components) -> dict[str, int]:
    """Component type to the least TRES-seconds that the month's own held amount can stand for."""
    return {
        kind: max(0, (2 * own - 1) * SECONDS_PER_MINUTE * components[kind].unit_factor // 2)
        for kind, held in usage.held.items()
        if kind in components
        for own in [held - usage.held_carried.get(kind, 0)]
    }


def in_words(amounts: Mapping[str, int | None]) -> str:
    """`cpu 5, mem 120` of component types and their amounts; `mem none` of one that is not there."""
    said = (f"{kind} {'none' if amount is None else amount}" for kind, amount in amounts.items())
    return ", ".join(said) or "none"
