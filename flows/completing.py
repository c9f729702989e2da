"""The marketplace's side of an order: associations, backend ids, and the calls that end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.finishing import limits_to_mend, next_finish
from allocations.kinds import Kind
from allocations.planning import added_users, limit_components
from cloudrock_io.errors import UnexpectedCloudrockData
from flows import association_tasks, tasks
from flows.site import subject_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allocations.accounts import AccountName, UserName
    from allocations.marketplace import OrderItem, Resource
    from allocations.outcomes import Outcome
    from allocations.snapshot import Snapshot
    from cloudrock_io.errors import CloudrockRejected
    from flows.site import Site

MOST_FINISHING_CALLS = 4
"""For a Terminate out of Deleting: ok, deletion scheduled, done; and one to spare."""


def complete(site: Site, outcome: Outcome, order: OrderItem, resource: Resource, snapshot: Snapshot) -> None:
    """Everything that the marketplace is told once the cluster shows what was ordered."""
    subject = subject_of(outcome)
    account = outcome.part.account
    if outcome.part.kind is Kind.TERMINATE:
        end(site, outcome, order, resource)
        return
    if account is None:
        raise UnexpectedCloudrockData(f"order item {order.uuid}", "an account to finish it with", "none")
    if resource.account != account or outcome.part.kind is Kind.CREATE:
        tasks.record_account(site.cloudrock, resource.uuid, account, "allocation", subject)
    if outcome.part.kind is Kind.CREATE:
        associate_missing(site, outcome, resource, account)
    mended = limits_to_mend(order.limits, resource.limits, limit_components(snapshot))
    if mended is not None and outcome.part.kind in (Kind.UPDATE, Kind.SWITCH):
        tasks.mend_limits(site.cloudrock, resource.uuid, mended, subject)
    end(site, outcome, order, resource)
    look_at_periods(site, outcome, resource, account)


def end(site: Site, outcome: Outcome, order: OrderItem, resource: Resource) -> None:
    """The calls that end the order, each chosen from what the marketplace says then."""
    subject = subject_of(outcome)
    for calls in range(MOST_FINISHING_CALLS + 1):
        states = tasks.read_order(site.cloudrock, order.uuid, resource.uuid, subject)
        step = next_finish(outcome.part.kind, *states)
        if step is None:
            return
        if calls < MOST_FINISHING_CALLS:
            tasks.finish_order(site.cloudrock, step, order.uuid, resource.uuid, subject)
    raise UnexpectedCloudrockData(
        f"order item {order.uuid}", "done", f"not done after {MOST_FINISHING_CALLS} calls"
    )


def associate_missing(site: Site, outcome: Outcome, resource: Resource, account: AccountName) -> None:
    """The associations that the marketplace lacks of a new allocation's users."""
    if resource.allocation_uuid is None:
        raise UnexpectedCloudrockData(f"resource {resource.uuid}", "a SLURM allocation", "none")
    present = association_tasks.fetch_associated(
        site.cloudrock, resource.allocation_uuid, subject_of(outcome)
    )
    associate(site, outcome, resource, sorted(site.observed.users_of(account) - present))


def associate(site: Site, outcome: Outcome, resource: Resource, users: Iterable[UserName]) -> None:
    """The users' associations in the marketplace; those it refuses (no FreeIPA profile) are noted."""
    wanted = tuple(users)
    if not wanted:
        return
    refusals = association_tasks.create_associations(
        site.cloudrock, resource.uuid, wanted, subject_of(outcome), site.max_uploads
    )
    for user, refusal in refusals.items():
        note_refusal(site, outcome, f"{user} is not associated in the marketplace", refusal)


def dissociate(site: Site, outcome: Outcome, resource: Resource, users: Iterable[UserName]) -> None:
    """The same for users who leave; an association that is not there is what was wanted."""
    wanted = tuple(users)
    if not wanted:
        return
    refusals = association_tasks.delete_associations(
        site.cloudrock, resource.uuid, wanted, subject_of(outcome), site.max_uploads
    )
    for user, refusal in refusals.items():
        if not any("does not exist" in reason for reason in refusal.reasons):
            note_refusal(site, outcome, f"{user} stays associated in the marketplace", refusal)


def note_refusal(site: Site, outcome: Outcome, what: str, refusal: CloudrockRejected) -> None:
    """A refusal of one user is a note."""
    site.logger.warning("%s: %s", subject_of(outcome), refusal)
    outcome.notes.append(f"{what}: {'; '.join(refusal.reasons)}")


def added(outcome: Outcome) -> tuple[UserName, ...]:
    """Everybody to whom the part gives an association."""
    return added_users(outcome.part.plan)


def look_at_periods(site: Site, outcome: Outcome, resource: Resource, account: AccountName) -> None:
    """A finished order has one open plan period: without one, or with two, billing would be wrong."""
    periods = tasks.fetch_plan_periods(site.cloudrock, resource.uuid, account)
    still_open = sum(period.end is None for period in periods)
    if still_open != 1:
        outcome.remarks.append(
            f"{still_open} open plan periods instead of one: usage cannot be billed as it should "
            "(was it ordered without a plan, or finished before by another tool?)"
        )
