"""The settings that push-usage alone reads; `flows.settings.Settings` has them all."""

from __future__ import annotations

from flows.choices import DatedUsage
from flows.counting_settings import CountingSettings
from flows.variables import variable


class PushSettings(CountingSettings):
    """A part of `flows.settings.Settings`: what is reported, and when it is not."""

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
    mark_missing_erred: bool = variable(
        "CLOUDROCK_MARK_MISSING_ERRED",
        "Whether an allocation whose account is not on the cluster is set erred in the marketplace; "
        "it is reported in any case",
        "true or false",
        default=False,
    )
