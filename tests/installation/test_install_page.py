"""From an empty machine to a green doctor and both schedules running, by docs/install.md alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def test_the_page_leads_from_nothing_to_a_doctor_without_errors_and_both_sides_run(headnode: Any) -> None:
    assert headnode.code == 0, headnode.said
