"""PurgeJobAfter as slurmdbd 22.05 shows it: lines seen with 13month, 400days, 9000hours and 12."""

from __future__ import annotations

import pytest

from allocations.retention import Retention, RetentionUnit
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.retention import SUMS, fetch_retention, parse_retention

AROUND = "PrivateData            = none\nPurgeEventAfter        = NONE\n{}PurgeResvAfter         = 1 days\n"


@pytest.mark.parametrize(
    ("line", "retention"),
    [
        ("PurgeJobAfter          = NONE\n", None),
        ("PurgeJobAfter          = 13 months\n", Retention(13, RetentionUnit.MONTHS)),
        ("PurgeJobAfter          = 400 days\n", Retention(400, RetentionUnit.DAYS)),
        ("PurgeJobAfter          = 9000 hours\n", Retention(9000, RetentionUnit.HOURS)),
        ("PurgeJobAfter          = 12 months*\n", Retention(12, RetentionUnit.MONTHS)),
    ],
)
def test_the_configuration_says_how_long_jobs_are_kept(line: str, retention: Retention | None) -> None:
    assert parse_retention(AROUND.format(line)) == retention


@pytest.mark.parametrize(
    "line",
    [
        "",
        "PurgeJobAfter          = 1 years\n",
        "PurgeJobAfter          = 0 months\n",
        "PurgeJobAfter          = \n",
        "PurgeJobAfter = NONE\nPurgeJobAfter = NONE\n",
    ],
)
def test_anything_else_is_not_guessed(line: str) -> None:
    with pytest.raises(UnexpectedSlurmOutput, match="PurgeJobAfter"):
        parse_retention(AROUND.format(line))


@pytest.mark.slurm
def test_the_sandbox_keeps_jobs_for_ever(cluster, make_runner) -> None:
    assert fetch_retention(make_runner(cluster.environment)) is None


def test_what_is_said_of_slurmdbd_s_own_sums_is_told_from_what_is_said_of_jobs() -> None:
    text = "PurgeJobAfter          = NONE\nPurgeUsageAfter        = 2 days\n"
    assert parse_retention(text) is None
    assert parse_retention(text, SUMS) == Retention(2, RetentionUnit.DAYS)
