"""The month of one run as a page with plots, kept in CLOUDROCK_STATE_DIR.

matplotlib takes a while to import, and to draw. So plots are kept (`flows.kept_plots`); where none are, it is
imported while slurmdbd is asked; and what needs nothing of the marketplace is drawn while that is asked. What
goes wrong with that is kept for later: no plot stands between a month and its being told.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect.logging import get_run_logger

from allocations.month_report import MonthReport, day_table, largest_jobs, usage_table
from flows.kept_plots import KeptPlots, fingerprint_of
from flows.report_page import days_shown, page, plots_per_day
from flows.settings import SettingsError
from flows.state_folder import accessible, make_room_for_matplotlib, writable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pandas import DataFrame

    from allocations.reports import ResourceUsage
    from flows.reported import Reported
    from flows.settings import Settings


@dataclass(slots=True)
class MonthPage:
    """One run's page."""

    settings: Settings
    days: DataFrame | None = None
    """What was used, by day, account and component, once it is counted."""
    drawn: str = ""
    """The plots of that."""
    problems: list[str] = field(default_factory=list)
    """Why it could not be drawn: a fault of the installation, or of this program."""
    remarks: list[str] = field(default_factory=list)
    """Why it could not be written."""

    def get_ready(self) -> None:
        """Import what draws, unless there may be nothing to draw; never raises."""
        make_room_for_matplotlib(self.settings)  # it must know its folder before it is imported
        if not self.kept.path.exists():
            with self.kept_for_later():
                import flows.plots  # noqa: F401, PLC0415 - matplotlib takes a second

    def draw_days(self, reported: Reported) -> None:
        """Each day's usage, of a month that is counted; never raises."""
        census, counted = reported.census, reported.counted
        if census is None or counted is None or self.problems:
            return
        period, cutoff, components = counted.period, counted.cutoff, census.components
        with self.kept_for_later():
            days = self.days = day_table(counted.days, census.accounts, list(components))
            fingerprint = fingerprint_of(days, period, days_shown(period, cutoff), components)
            self.drawn = self.kept.drawn(fingerprint, lambda: plots_per_day(days, period, cutoff, components))

    def keep(self, reported: Reported) -> Path | None:
        """Write the page, and say where it is; None when there is none."""
        census, month = reported.census, None if self.problems else self.month(reported)
        if census is None or month is None:
            return None
        with self.kept_for_later():
            text = page(month, census.components, self.drawn)
            try:
                path = writable(self.settings.state_dir / "reports") / f"usage-{month.period}.html"
                with accessible(path):
                    path.write_text(text, encoding="utf-8")
            except SettingsError as failure:
                self.remarks.append(f"the month's page could not be written: {failure}")
            else:
                return path
        return None

    @property
    def kept(self) -> KeptPlots:
        """The plots of the run before."""
        return KeptPlots(self.settings.state_dir / "reports" / "plots.json")

    @contextmanager
    def kept_for_later(self) -> Iterator[None]:
        """Whatever goes wrong stops nothing: it is a problem of the run, with its traceback for DEBUG."""
        try:
            yield
        except Exception as failure:  # noqa: BLE001 - the amounts are told all the same
            self.problems.append(
                f"the month's page could not be drawn ({type(failure).__name__}: {failure}); the amounts are "
                "told all the same"
            )
            get_run_logger().debug("the month's page", exc_info=failure)

    def month(self, reported: Reported) -> MonthReport | None:
        """What a run knows of its month: not the largest jobs, which `cloudrock-slurm report` looks for."""
        census, counted = reported.census, reported.counted
        if census is None or counted is None or self.days is None:
            return None
        components = census.components
        return MonthReport(
            period=counted.period,
            cutoff=counted.cutoff,
            cluster=census.offering.name,
            usage=usage_table(counted.period, as_told(reported), components, census.observed),
            days=self.days,
            jobs=largest_jobs([], list(components)),
            reconciliation=reported.gate.reconciliation if reported.gate else None,
            remarks=tuple(reported.remarks),
        )


def as_told(reported: Reported) -> list[ResourceUsage]:
    """Each resource's month with what the marketplace holds of it now that it is told."""
    return [
        replace(usage, held=usage.totals) if usage.resource.uuid in reported.told else usage
        for usage in reported.usages
    ]
