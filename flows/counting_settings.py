"""The settings of counting: how long days are read again, what a difference from slurmdbd's books does."""

from __future__ import annotations

from pydantic import field_validator

from allocations.reconcile import Reconcile
from flows.protection_settings import ProtectionSettings
from flows.variables import variable

FEWEST_DAYS = 2
"""Today, and yesterday: late records of its last hours are ordinary."""


class CountingSettings(ProtectionSettings):
    """A part of `flows.settings.Settings`, which says where they are read from."""

    usage_settling_days: int = variable(
        "USAGE_SETTLING_DAYS",
        "For how many days, its own included, a day's jobs are counted anew: today's and yesterday's by "
        "every run, the others' every six hours; older days come from the store",
        f"a number, {FEWEST_DAYS} or more",
        3,
    )
    reconcile: Reconcile = variable(
        "SYNC_RECONCILE",
        "What happens to an account whose usage differs from slurmdbd's own books: it is held back, only "
        "warned of, or not compared",
        "block, warn or off",
        Reconcile.BLOCK,
    )

    @field_validator("usage_settling_days")
    @classmethod
    def with_yesterday(cls, days: int) -> int:
        """A day's last records often arrive after midnight."""
        if days < FEWEST_DAYS:
            raise ValueError
        return days
