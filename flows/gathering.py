"""What a run needs to know before it decides: read in bulk, few requests for any number of allocations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allocations.accounts import AccountName
from allocations.marketplace import OrderItemState, ResourceState
from allocations.membership import Names, Team, both, team_of
from allocations.snapshot import Snapshot
from cloudrock_io.errors import CloudrockRejected, CloudrockServerError, UnexpectedCloudrockData
from flows.choices import UsernameSource
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allocations.accounts import UserName
    from allocations.marketplace import Offering, OrderItem, RecordedAllocation, Resource
    from allocations.model import ClusterState
    from cloudrock_io.client import Cloudrock
    from flows.settings import Settings
    from slurm_io.client import Slurm

REFUSALS = (CloudrockRejected, CloudrockServerError, UnexpectedCloudrockData)
"""Answers that tell nothing about a team; an unreachable marketplace ends the run instead."""
OPEN = (OrderItemState.PENDING, OrderItemState.EXECUTING)


def gather(cloudrock: Cloudrock, slurm: Slurm, settings: Settings) -> tuple[Snapshot, ClusterState]:
    """Everything that a plan is made from: the marketplace, and the cluster."""
    source = settings.username_source
    snapshot = read_marketplace(cloudrock, source)
    observed = slurm.observe_ready(AccountName(settings.default_account))
    doubtful = doubtful_teams(snapshot, observed)
    return confirmed(snapshot, own_teams(cloudrock, doubtful, source) if doubtful else {}), observed


def read_marketplace(cloudrock: Cloudrock, source: UsernameSource) -> Snapshot:
    """Orders, resources and teams of the offering.

    Raises:
        SettingsError: the token may not read what the source of user names needs.
        CloudrockError: the marketplace does not answer, or refuses.
    """
    offering = cloudrock.fetch_offering()
    bad_orders: list[str] = []
    bad_resources: list[str] = []
    orders = cloudrock.fetch_order_items(states=OPEN, on_unreadable=lambda why: bad_orders.append(str(why)))
    resources = cloudrock.fetch_resources(on_unreadable=lambda why: bad_resources.append(str(why)))
    by_uuid = {resource.uuid: resource for resource in resources}
    return Snapshot(
        offering=offering,
        orders=tuple(orders),
        resources=by_uuid,
        teams=read_teams(cloudrock, offering, needing_teams(orders, by_uuid), source),
        unreadable_orders=tuple(bad_orders),
        unreadable_resources=tuple(bad_resources),
    )


RECORDED = (ResourceState.OK, ResourceState.UPDATING, ResourceState.TERMINATING, ResourceState.ERRED)
"""The states of resources whose allocation should know its account."""


def read_allocations(
    cloudrock: Cloudrock, resources: Iterable[Resource]
) -> tuple[dict[str, RecordedAllocation], tuple[str, ...]]:
    """Resource uuid to the allocation behind it, and what is not known, one sentence each.

    A staff token sees them all in one list; a provider's sees none of them there, and asks for each one
    (contract 5). So this is for a daily report, not for every run.
    """
    wanted = [resource for resource in resources if resource.state in RECORDED]
    found = cloudrock.fetch_allocations() if wanted else {}
    refusals: list[str] = []
    for resource in wanted:
        if resource.uuid in found:
            continue
        try:
            found[resource.uuid] = cloudrock.fetch_allocation(resource.uuid)
        except REFUSALS as refusal:
            refusals.append(f"the allocation behind the resource {resource.uuid} is not known: {refusal}")
    return found, tuple(refusals)


def needing_teams(orders: list[OrderItem], resources: dict[str, Resource]) -> dict[str, Resource]:
    """Project uuid to one of its resources, for every project whose members get an association."""
    ordered = [resources.get(order.resource_uuid or "") for order in orders]
    at_rest = [resource for resource in resources.values() if resource.state is ResourceState.OK]
    return {resource.project.uuid: resource for resource in [*ordered, *at_rest] if resource}


def read_teams(
    cloudrock: Cloudrock, offering: Offering, projects: dict[str, Resource], source: UsernameSource
) -> dict[str, Team]:
    """Project uuid to its team; one bulk read, and one request for each project that it does not know."""
    if not projects:
        return {}
    names = read_names(cloudrock, source)
    try:
        bulk = cloudrock.fetch_teams(offering.customer_uuid)
    except REFUSALS:
        bulk = {}
    return {
        project: team_of(bulk[project], names) if bulk.get(project) else one_team(cloudrock, resource, names)
        for project, resource in projects.items()
    }


def one_team(cloudrock: Cloudrock, resource: Resource, names: Names | None) -> Team:
    """The team of one resource's project; unknown when the marketplace refuses to say."""
    try:
        return team_of(cloudrock.fetch_team(resource.uuid), names)
    except REFUSALS as refusal:
        return Team(
            answered=False, remarks=(f"the team is not known, nobody is added or removed: {refusal}",)
        )


def doubtful_teams(snapshot: Snapshot, observed: ClusterState) -> tuple[Resource, ...]:
    """One resource of each project that somebody with an association seems to have left."""
    members: dict[str, list[UserName]] = {}
    for association in observed.associations:
        members.setdefault(association.account, []).append(association.user)
    found = {
        resource.project.uuid: resource
        for resource in snapshot.resting
        if resource.account and snapshot.team(resource).leavers(members.get(resource.account, ()))
    }
    return tuple(found.values())


def own_teams(
    cloudrock: Cloudrock, resources: tuple[Resource, ...], source: UsernameSource
) -> dict[str, Team]:
    """Project uuid to the team as the project's own resource tells it."""
    names = read_names(cloudrock, source)
    return {resource.project.uuid: one_team(cloudrock, resource, names) for resource in resources}


def confirmed(snapshot: Snapshot, second: dict[str, Team]) -> Snapshot:
    """The snapshot after a second look: who loses an association must be missing in both answers."""
    seen = {project: both(snapshot.teams[project], team) for project, team in second.items()}
    return replace(snapshot, teams={**snapshot.teams, **seen})


def read_names(cloudrock: Cloudrock, source: UsernameSource) -> Names | None:
    """The names of users on the cluster; None where they are the marketplace's own."""
    match source:
        case UsernameSource.LOCAL:
            return None
        case UsernameSource.OFFERING:
            return Names(cloudrock.fetch_offering_usernames(), {}, "name for this offering")
        case UsernameSource.FREEIPA:
            return freeipa_names(cloudrock)


def freeipa_names(cloudrock: Cloudrock) -> Names:
    """The names of FreeIPA profiles.

    Not every marketplace tells its users whether they are staff, so it counts what the token sees: staff see
    everybody's profile, everybody else his own (contract 5).

    Raises:
        SettingsError: the token sees nobody's profile but its own, so nothing can be concluded.
    """
    me = cloudrock.fetch_me()
    profiles = cloudrock.fetch_freeipa_profiles()
    sees_others = any(profile.user_uuid != me.uuid for profile in profiles)
    if not me.is_staff and not sees_others:
        raise SettingsError(
            "CLOUDROCK_API_TOKEN: CLOUDROCK_SLURM_USERNAME_SOURCE=freeipa needs a staff token, because "
            "the marketplace shows FreeIPA profiles to staff only: expected a staff user's token"
        )
    return Names(
        {profile.user_uuid: profile.username for profile in profiles if profile.is_active},
        {profile.user_uuid: profile.username for profile in profiles if not profile.is_active},
        "active FreeIPA profile",
    )
