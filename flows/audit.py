"""Who changed a closed month, when, from what to what, and by which records: kept as Parquet."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd
from prefect.runtime import flow_run

from flows.state_folder import accessible, name_of, writable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from allocations.backfilling import MonthLine

COLUMNS = ("tres_seconds", "counted", "before", "after")
"""Whole numbers that may be missing."""


def audit_folder(state_dir: Path) -> Path:
    """Where the records are; made, and tried, before anything is changed.

    Raises:
        SettingsError: it cannot be written.
    """
    return writable(state_dir / "audit")


def keep_record(
    folder: Path, month: str, lines: Sequence[MonthLine], now: datetime, fingerprint: str, token_owner: str
) -> Path:
    """One file for one backfill of one month: a row for each number, with who, when and by which source."""
    run = str(flow_run.id or "no run")
    facts: dict[str, object] = {
        "at": now,
        "who": f"{name_of(os.geteuid())}@{socket.gethostname()}",
        "token_owner": token_owner,
        "flow_run": run,
        "source_fingerprint": fingerprint,
    }
    table = pd.DataFrame([asdict(line) | {"result": line.result.value} | facts for line in lines])
    for column in COLUMNS:
        table[column] = table[column].astype("Int64")
    path = folder / f"backfill-{month}-{now:%Y%m%dT%H%M%SZ}-{run[:8].replace(' ', '-')}.parquet"
    unfinished = path.with_suffix(".unfinished")
    with accessible(unfinished):
        table.to_parquet(unfinished, index=False)
    unfinished.replace(path)
    return path
