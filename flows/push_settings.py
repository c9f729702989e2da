"""The settings of what the marketplace is told beside orders; `flows.settings.Settings` has them all."""

from __future__ import annotations

from pydantic import field_validator

from flows.choices import DatedUsage
from flows.counting_settings import CountingSettings
from flows.variables import variable

MOST_UPLOADS = 32


class PushSettings(CountingSettings):
    """A part of `flows.settings.Settings`: what is reported and when it is not, and how much at a time."""

    carry_over: bool = variable(
        "CLOUDROCK_CARRY_OVER",
        "Whether what a closed month lacks (the time after its last report) is added to the next month's "
        "amounts, with a note beside them",
        "true or false",
        default=False,
    )
    dated_usage: DatedUsage = variable(
        "CLOUDROCK_DATED_USAGE",
        "Whether the marketplace books usage under a past month when a report says so; auto asks it, "
        "without writing anything",
        "auto, yes or no",
        DatedUsage.AUTO,
    )
    max_uploads: int = variable(
        "CLOUDROCK_MAX_UPLOADS",
        "How many uploads, each an allocation's usage or a user's association, the marketplace has of a run "
        "at a time",
        f"a number from 1 to {MOST_UPLOADS}",
        4,
    )
    mark_missing_erred: bool = variable(
        "CLOUDROCK_MARK_MISSING_ERRED",
        "Whether an allocation whose account is not on the cluster is set erred in the marketplace; "
        "it is reported in any case",
        "true or false",
        default=False,
    )

    @field_validator("max_uploads")
    @classmethod
    def a_few(cls, number: int) -> int:
        """Each is a connection to the marketplace."""
        if not 1 <= number <= MOST_UPLOADS:
            raise ValueError
        return number
