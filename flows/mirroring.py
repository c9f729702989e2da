"""What push-usage tells beside usage: limits and users as on the cluster, and accounts that are gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.accounts import AccountName
from allocations.checkup import brief
from allocations.marketplace import AllocationState, ResourceState
from allocations.mirror import limits_to_show, users_to_change
from allocations.outcomes import plural
from allocations.reports import in_words
from flows import association_tasks, tasks, usage_tasks
from flows.choices import LimitsOwner
from flows.expected import EXPECTED
from slurm_io.errors import SlurmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allocations.marketplace import Resource
    from flows.census import Census, Doors

MOST_NAMED = 10
"""Users in one sentence."""


@dataclass(slots=True)
class Mirroring:
    """One run's look at every allocation that stands still: a resource in state OK, and no other."""

    doors: Doors
    census: Census
    associations: Callable[[], Mapping[str, frozenset[str]]]
    """Allocation uuid to whom the marketplace associates with it, as it was when the census was taken."""
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    limits_shown: int = 0
    associated: int = 0
    dissociated: int = 0

    def mirror(self) -> None:
        """The whole of it; one allocation's failure is not the others'."""
        standing = [claim for claim in self.census.claims if claim[0].state is ResourceState.OK]
        if self.doors.settings.limits_owner is LimitsOwner.SLURM:
            for resource, account in standing:
                self.calmly(self.show_limits, resource, account)
        self.show_users(standing)
        if self.doors.settings.mark_missing_erred:
            self.mark_missing()

    def show_limits(self, resource: Resource, account: AccountName) -> None:
        """The limits on the cluster, where the marketplace shows others."""
        on_cluster = self.census.observed.accounts[account].grp_tres_mins
        wanted = limits_to_show(resource.limits, on_cluster, self.doors.components, self.census.offering)
        if wanted is not None:
            usage_tasks.show_limits(self.doors.cloudrock, resource.uuid, wanted, account)
            self.limits_shown += 1
            before, after = in_words(resource.limits), in_words(wanted)
            self.remarks.append(f"{account}: limits in the marketplace: {before} -> {after}")

    def show_users(self, standing: list[tuple[Resource, AccountName]]) -> None:
        """Who may run on the cluster is associated in the marketplace, and nobody else.

        Before anybody is dropped the cluster is asked again: a pull may have let them in meanwhile.
        """
        held = self.associations()
        changes = [
            (resource, account, *users_to_change(self.census.observed.users_of(account), held_names))
            for resource, account in standing
            for held_names in [held.get(resource.allocation_uuid or "", frozenset())]
        ]
        for resource, account, missing, _ in changes:
            if missing:
                self.associate(resource, account, tuple(missing))
        removals, most = sum(len(gone) for *_, gone in changes), self.doors.settings.max_removals
        if removals > most:
            self.problems.append(
                f"{removals} users are associated in the marketplace and not on the cluster, more than "
                f"SYNC_MAX_REMOVALS={most}: none was dropped"
            )
            return
        if not removals:
            return
        try:
            still = tasks.observe_cluster(self.doors.slurm)
        except SlurmError as failure:
            self.problems.append(f"{removals} users were not dropped in the marketplace: {failure}")
            return
        for resource, account, _, gone in changes:
            if leavers := tuple(user for user in gone if user not in still.users_of(account)):
                self.dissociate(resource, account, leavers)

    def associate(self, resource: Resource, account: AccountName, users: tuple[str, ...]) -> None:
        """Users more; the marketplace refuses those who have no FreeIPA profile there."""
        try:
            refusals = association_tasks.create_associations(
                self.doors.cloudrock, resource.uuid, users, account, self.doors.settings.max_uploads
            )
        except EXPECTED as failure:
            self.problems.append(f"{account}: {named(users)} could not be associated: {failure}")
            return
        self.associated += len(users) - len(refusals)
        for user, refusal in refusals.items():
            self.remarks.append(f"{account}: {user} could not be associated: {'; '.join(refusal.reasons)}")

    def dissociate(self, resource: Resource, account: AccountName, users: tuple[str, ...]) -> None:
        """Users less; the marketplace refuses those whose FreeIPA profile is gone."""
        try:
            refusals = association_tasks.delete_associations(
                self.doors.cloudrock, resource.uuid, users, account, self.doors.settings.max_uploads
            )
        except EXPECTED as failure:
            self.problems.append(f"{account}: {named(users)} could not be dropped: {failure}")
            return
        self.dissociated += len(users) - len(refusals)
        for user, refusal in refusals.items():
            self.remarks.append(f"{account}: {user} could not be dropped: {'; '.join(refusal.reasons)}")

    def mark_missing(self) -> None:
        """Allocations whose account is not on the cluster; those are a problem of the run in any case."""
        for resource in self.census.resources:
            gone = resource.account is not None and resource.account not in self.census.observed.accounts
            known = resource.allocation_state is AllocationState.ERRED
            if gone and not known and resource.state is ResourceState.OK:
                self.calmly(self.mark_erred, resource, AccountName(str(resource.account)))

    def mark_erred(self, resource: Resource, account: AccountName) -> None:
        """One of them."""
        usage_tasks.mark_erred(self.doors.cloudrock, resource.uuid, account)
        self.remarks.append(f"{account}: not on the cluster: its allocation was set erred in the marketplace")

    def calmly(
        self, work: Callable[[Resource, AccountName], None], resource: Resource, account: AccountName
    ) -> None:
        """Do it; a failure is a problem of the run."""
        try:
            work(resource, account)
        except EXPECTED as failure:
            self.problems.append(f"{account}: {failure}")

    def summary(self) -> str:
        """`, 2 limits shown, 1 user associated`, as far as there is anything to say."""
        counts = (
            (self.limits_shown, "limit", "shown"),
            (self.associated, "user", "associated"),
            (self.dissociated, "user", "dropped"),
        )
        return "".join(f", {plural(count, noun)} {what}" for count, noun, what in counts if count)


def named(users: tuple[str, ...]) -> str:
    """Who it is, as far as one reads on."""
    return brief(users, MOST_NAMED)
