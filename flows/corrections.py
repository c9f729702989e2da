"""What is known of corrected books, kept in CLOUDROCK_STATE_DIR: why an amount may fall, until it has fallen.

A run that notices a correction may fail before it has told the marketplace; the next one would not notice it:
so it is kept before the day's earlier reading is replaced.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from datetime import date
from typing import TYPE_CHECKING

from allocations.days import Correction
from flows.state_folder import accessible, writable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from allocations.billing import BillingPeriod

TOLD = "told"
"""Ends the line of a correction that has had its effect."""


def remember(state_dir: Path, period: BillingPeriod, noticed: Iterable[Correction]) -> None:
    """Keep a month's corrections, once each.

    Raises:
        SettingsError: the folder cannot be written.
    """
    path = _file(state_dir, period)
    known = _read(path)
    new = [correction for correction in noticed if correction not in known]
    with accessible(path), path.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps([str(part) for part in astuple(one)])}\n" for one in new)


def remembered(state_dir: Path, period: BillingPeriod) -> dict[str, list[Correction]]:
    """Account to the month's corrections, as all runs have noticed them.

    A line that cannot be read is passed over: then its amount stays as it is until a person allows it.

    Raises:
        SettingsError: the folder cannot be written.
    """
    by_account: dict[str, list[Correction]] = {}
    for correction in _read(_file(state_dir, period)):
        by_account.setdefault(correction.account, []).append(correction)
    return by_account


def spend(state_dir: Path, period: BillingPeriod, told: Iterable[Correction]) -> None:
    """Forget corrections that the marketplace's amounts hold by now: each explains one fall, not a second."""
    lines = [f"{json.dumps([*map(str, astuple(one)), TOLD])}\n" for one in told]
    if lines:
        with accessible(_file(state_dir, period)) as path, path.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def _file(state_dir: Path, period: BillingPeriod) -> Path:
    return writable(state_dir / "corrections") / f"{period}.jsonl"


def _read(path: Path) -> list[Correction]:
    found: list[Correction] = []
    if not path.exists():
        return found
    with accessible(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        try:
            day, account, tres, before, after, *told = json.loads(line)
            correction = Correction(date.fromisoformat(day), account, tres, int(before), int(after))
        except (ValueError, TypeError):
            continue
        if told == [TOLD] and correction in found:
            found.remove(correction)
        elif not told:
            found.append(correction)
    return found
