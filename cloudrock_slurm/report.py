"""`cloudrock-slurm report`: one month explained, in the terminal, for spreadsheets, and as a page."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - the parameters' types
from typing import TYPE_CHECKING, Annotated

import cyclopts

from allocations.billing import BillingPeriod
from allocations.errors import RuleError
from cloudrock_slurm.ending import BAD_SETTINGS, FAILED
from cloudrock_slurm.progress import terminal_progress
from flows.settings import SettingsError, load_components, load_settings
from flows.state_folder import make_room_for_matplotlib

if TYPE_CHECKING:
    from allocations.month_report import MonthReport


def report(
    *,
    period: Annotated[str, cyclopts.Parameter(help="The month, as YYYY-MM (default: the current one).")] = "",
    allocation: Annotated[
        str | None, cyclopts.Parameter(help="Only this one: its account, or its resource's uuid.")
    ] = None,
    csv: Annotated[Path | None, cyclopts.Parameter(help="Write the usage table to this CSV file.")] = None,
    json: Annotated[Path | None, cyclopts.Parameter(help="Write it to this JSON file.")] = None,
    parquet: Annotated[Path | None, cyclopts.Parameter(help="Write it to this Parquet file.")] = None,
    html: Annotated[Path | None, cyclopts.Parameter(help="Write a page with plots to this file.")] = None,
) -> int:
    """Explain a month: what each allocation used, of which limit, by whom, and what the marketplace holds."""
    from cloudrock_io.errors import CloudrockError  # noqa: PLC0415 - these and pandas take seconds
    from flows.census import Doors  # noqa: PLC0415 - the same
    from flows.doors import open_cloudrock, open_slurm  # noqa: PLC0415 - the same
    from flows.explaining import explain  # noqa: PLC0415 - the same
    from slurm_io.errors import SlurmError  # noqa: PLC0415 - the same

    now = datetime.now(UTC).replace(microsecond=0)
    for path in (csv, json, parquet, html):
        if path is not None and not path.absolute().parent.is_dir():
            sys.stderr.write(f"{path}: cannot be written: expected a path in a folder that exists\n")
            return BAD_SETTINGS
    try:
        month = BillingPeriod.parse(period) if period else BillingPeriod.containing(now)
        settings = load_settings()
        components = load_components(settings)
        with open_cloudrock(settings) as cloudrock:
            doors = Doors(cloudrock, open_slurm(settings), settings, components)
            with terminal_progress() as tell:
                found = explain(doors, month, allocation, now, tell)
        write_files(found, {"csv": csv, "json": json, "parquet": parquet})
        if html is not None:
            make_room_for_matplotlib(settings)
            from flows.report_page import page  # noqa: PLC0415 - few reports are pages

            html.write_text(page(found, components), encoding="utf-8")
    except (SettingsError, RuleError) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS
    except (CloudrockError, SlurmError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except OSError as error:
        sys.stderr.write(f"the report cannot be written: {error}\n")
        return FAILED
    show(found)
    return 0


def write_files(found: MonthReport, paths: dict[str, Path | None]) -> None:
    """The usage table in each format that was asked for."""
    table = found.usage
    for kind, path in paths.items():
        if path is None:
            continue
        if kind == "csv":
            table.to_csv(path, index=False)
        elif kind == "parquet":
            table.to_parquet(path, index=False)
        else:
            facts = {
                "period": str(found.period),
                "cutoff": found.cutoff.isoformat(),
                "cluster": found.cluster,
            }
            rows = json.loads(table.to_json(orient="records"))
            text = json.dumps({**facts, "usage": rows}, indent=1, ensure_ascii=False)
            path.write_text(f"{text}\n", encoding="utf-8")


def show(found: MonthReport) -> None:
    """The table in the terminal."""
    from rich.console import Console  # noqa: PLC0415 - only here
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    console = Console()
    table = Table(
        title=f"{found.cluster}: usage of {found.period} up to {found.cutoff:%Y-%m-%d %H:%M:%S} UTC"
    )
    for name in ("allocation", "account", "component"):
        table.add_column(name, overflow="fold")
    for name in ("amount", "unit", "marketplace", "of the limit"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    billed = found.usage[found.usage["user"] == ""]
    for row in billed.astype(object).where(billed.notna(), None).to_dict(orient="records"):
        share = row["share_of_limit"]
        cells = (row["resource"], row["account"], row["component"], row["amount"], row["unit"], row["held"])
        texts = [
            "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells
        ]
        style = "" if row["amount"] == row["held"] else "yellow"
        table.add_row(*map(Text, texts), "-" if share is None else f"{share:.1%}", style=style)
    console.print(table)
    if found.reconciliation is not None:
        verdicts = [line.verdict.value for line in found.reconciliation.lines]
        said = (
            ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts)) or "nothing used"
        )
        console.print(
            f"beside slurmdbd's own books up to {found.reconciliation.until:%Y-%m-%d %H:%M} UTC: {said}"
        )
    for remark in found.remarks:
        console.print(Text(remark))
