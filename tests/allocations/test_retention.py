"""A month of which slurmdbd has purged anything cannot be counted any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.billing import BillingPeriod
from allocations.retention import Retention, RetentionUnit, purge_refusal

NOW = datetime(2026, 11, 24, 8, 43, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retention", "since"),
    [
        (Retention(13, RetentionUnit.MONTHS), datetime(2025, 10, 1, tzinfo=UTC)),
        (Retention(1, RetentionUnit.MONTHS), datetime(2026, 10, 1, tzinfo=UTC)),
        (Retention(11, RetentionUnit.MONTHS), datetime(2025, 12, 1, tzinfo=UTC)),
        (Retention(24, RetentionUnit.DAYS), datetime(2026, 10, 31, tzinfo=UTC)),
        (Retention(48, RetentionUnit.HOURS), datetime(2026, 11, 22, 8, tzinfo=UTC)),
        (Retention(999999, RetentionUnit.MONTHS), datetime(1, 8, 1, tzinfo=UTC)),
    ],
)
def test_slurmdbd_purges_in_whole_units(retention: Retention, since: datetime) -> None:
    assert retention.kept_since(NOW) == since


def test_a_purged_month_is_refused_by_name() -> None:
    retention = Retention(24, RetentionUnit.DAYS)
    refusal = purge_refusal(BillingPeriod(2026, 10), retention, NOW)
    assert refusal == (
        "slurmdbd keeps no job records from before 2026-10-31 (PurgeJobAfter=24days): "
        "2026-10 cannot be counted any more"
    )
    assert purge_refusal(BillingPeriod(2026, 11), retention, NOW) is None
    assert purge_refusal(BillingPeriod(1999, 1), None, NOW) is None


@given(st.integers(1, 300), st.sampled_from(RetentionUnit), st.integers(0, 10**9))
def test_what_is_kept_moves_on_with_the_clock(count: int, unit: RetentionUnit, seconds: int) -> None:
    retention = Retention(count, unit)
    assert retention.kept_since(NOW) <= retention.kept_since(NOW + timedelta(seconds=seconds))
    assert retention.kept_since(NOW) < NOW
