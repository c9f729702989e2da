"""Corrections are remembered until the month is over, whatever else is lost or garbled."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from allocations.billing import BillingPeriod
from allocations.days import Correction
from flows.corrections import remember, remembered, spend
from flows.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.fast
MONTH = BillingPeriod(2026, 11)
ONE = Correction(date(2026, 11, 3), "hpc_a", "cpu", 600, 0)
OTHER = Correction(date(2026, 11, 4), "hpc_ü\n", "gres/gpu", 5, 2**60)


def test_what_one_run_noticed_the_next_one_knows(tmp_path: Path) -> None:
    remember(tmp_path, MONTH, [ONE])
    assert remembered(tmp_path, MONTH) == {"hpc_a": [ONE]}
    remember(tmp_path, MONTH, [ONE, OTHER])
    assert remembered(tmp_path, MONTH) == {"hpc_a": [ONE], OTHER.account: [OTHER]}
    assert remembered(tmp_path, MONTH.next) == {}


def test_a_correction_that_was_told_explains_no_second_fall_until_it_comes_again(tmp_path: Path) -> None:
    remember(tmp_path, MONTH, [ONE, OTHER])
    spend(tmp_path, MONTH, [ONE])
    assert remembered(tmp_path, MONTH) == {OTHER.account: [OTHER]}
    spend(tmp_path, MONTH, [ONE])
    remember(tmp_path, MONTH, [ONE])
    assert remembered(tmp_path, MONTH) == {"hpc_a": [ONE], OTHER.account: [OTHER]}


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "[1, 2, 3, 4, 5]", '["2026-11-03", "a", "cpu", "x", "0"]', "\xff"]
)
def test_a_line_that_cannot_be_read_is_passed_over(tmp_path: Path, line: str) -> None:
    remember(tmp_path, MONTH, [ONE])
    with (tmp_path / "corrections" / "2026-11.jsonl").open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    remember(tmp_path, MONTH, [OTHER])
    assert remembered(tmp_path, MONTH) == {"hpc_a": [ONE], OTHER.account: [OTHER]}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"CLOUDROCK_STATE_DIR: cannot write in '.*file/corrections'"):
        remember(tmp_path / "file", MONTH, [ONE])
