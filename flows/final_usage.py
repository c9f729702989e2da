"""The last usage of an allocation that ends: counted after its jobs have ended, before its account goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allocations.errors import CannotReportNow
from allocations.marketplace import ResourceState
from allocations.plan import ReportUsage

if TYPE_CHECKING:
    from allocations.accounts import AccountName
    from allocations.marketplace import Resource
    from allocations.planning import RunPlan
    from flows.reported import Reported
    from flows.settings import Settings
    from flows.site import Site


@dataclass(slots=True)
class FinalUsage:
    """Counts the month, and tells it, once for all allocations that end in one run."""

    site: Site
    settings: Settings
    ending: frozenset[str]
    """The uuids of the marketplace resources that end in this run."""
    reported: Reported | None = None

    def report(self, resource: Resource, account: AccountName) -> list[str]:
        """Have the month's amounts and users' shares told; what is worth knowing about it.

        Raises:
            CannotReportNow: the marketplace does not hold them and may yet: the account must stay.
            SlurmError, CloudrockError, RuleError, SettingsError: nothing could be counted, or nothing read.
        """
        from flows.reporting import report_usage  # noqa: PLC0415 - few runs end an allocation: the tables take time

        reported = self.reported = self.reported or report_usage(
            self.site.cloudrock,
            self.site.slurm,
            self.settings,
            now=datetime.now(UTC).replace(microsecond=0),
            only=self.ending,
        )
        if self.settings.carry_over and reported.closed.problems:
            raise CannotReportNow(f"{account}: {'; '.join(reported.closed.problems)}")
        if resource.uuid in reported.told:
            return [
                *reported.strange,
                f"final usage of {reported.period}: {reported.in_words(resource.uuid)}",
            ]
        reason = reported.reasons.get(resource.uuid) or self.why_not_counted(resource)
        if resource.uuid in reported.nowhere or not reason:
            return [*reported.strange, f"{reason or 'it has ended'}: its final usage cannot be reported"]
        raise CannotReportNow(f"the final usage of {account} is not in the marketplace: {reason}")

    def why_not_counted(self, resource: Resource) -> str:
        """Why it was not found among the resources that take usage; empty when it has ended meanwhile."""
        now = self.site.cloudrock.fetch_resource(resource.uuid)
        if now.state is ResourceState.TERMINATED:
            return ""
        return (
            f"its resource there is in state {now.state.value!r} and records the account {now.account!r}: "
            "expected a state that takes usage, and an account that no other resource records"
        )


def ending_in(plan: RunPlan) -> frozenset[str]:
    """The uuids of the resources whose last usage a plan reports."""
    return frozenset(
        part.resource.uuid
        for part in plan.parts
        if part.resource and any(isinstance(step.act, ReportUsage) for step in part.plan.steps)
    )
