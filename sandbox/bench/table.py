"""A run of the benchmark for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from sandbox.bench.ratios import SIDES, TITLES, ratios

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

COLUMNS = (
    "",
    "",
    "s",
    "of it the run",
    "CPU s",
    "peak MB",
    "commands",
    "requests",
    "slurmdbd CPU s",
    "queries",
    "runs",
)


def cells(run: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A line for each thing that was measured."""
    for key, title in TITLES.items():
        shown = title
        for side in SIDES:
            cost = run["rows"].get(key, {}).get(side)
            if cost is not None:
                yield shown, side, *costs(cost)
                shown = ""


def costs(cost: Mapping[str, Any]) -> tuple[str, ...]:
    """One cost; what was measured on a sample says so."""
    repeats = f"{cost['repeats']:.0f}" + (f", {cost['sample']:.0f} measured" if cost["sample"] else "")
    return (
        f"{cost['seconds']:,.2f}",
        f"{cost['run_seconds']:,.2f}" if cost.get("run_seconds") else "",
        f"{cost['cpu_seconds']:,.2f}",
        f"{cost['megabytes']:,.0f}",
        f"{cost['processes']:,}",
        f"{cost['requests']:,}",
        f"{cost['slurmdbd_seconds']:,.2f}",
        f"{cost['queries']:,}",
        repeats,
    )


def show(run: Mapping[str, Any], console: Console) -> None:
    """The tables."""
    site = run["site"]
    title = (
        f"{run['size']}: {site['allocations']:,} allocations, {site['users']:,} users, "
        f"{site['associations']:,} associations, {site['jobs']:,} jobs"
    )
    table = Table(title=title)
    for number, heading in enumerate(COLUMNS):
        table.add_column(heading, justify="left" if number < 2 else "right")  # noqa: PLR2004
    for row in cells(run):
        table.add_row(*(text.replace("`", "") for text in row))
    console.print(table)
    console.print(
        "bare: SLURM's commands alone. old: waldur-slurm-agent 0.2.2 as published. Starts included."
    )
    compared = Table("ratio", "of seconds", "of CPU seconds", "aim")
    for ratio in ratios(run):
        cpu = "" if ratio.cpu_seconds is None else f"{ratio.cpu_seconds:,.2f}"
        numbers = (f"{ratio.seconds:,.2f}", cpu)
        compared.add_row(ratio.what.replace("`", ""), *numbers, ratio.aim)
    console.print(compared)
    for line in figures_in_words(run["figures"]):
        console.print(line, highlight=False)


def figures_in_words(figures: Mapping[str, float]) -> Iterator[str]:
    """What is no cost of a run, as far as it was measured."""
    if "prefect_run_cpu_seconds" in figures:
        run, task = (figures[f"prefect_{what}_seconds"] for what in ("run", "task"))
        run_cpu, task_cpu = (figures[f"prefect_{what}_cpu_seconds"] for what in ("run", "task"))
        yield (
            f"Prefect: {run:.2f} s ({run_cpu:.2f} of CPU) for an empty run, {task * 1000:.1f} ms "
            f"({task_cpu * 1000:.1f} of CPU) for an empty task in it."
        )
    if "parsed_per_second_ours" in figures:
        ours, old, quiet = (figures[f"parsed_per_second_{whose}"] for whose in ("ours", "old", "old_quiet"))
        yield (
            f"Jobs parsed and added up per CPU second: ours {ours:,.0f}, the old agents' {old:,.0f}, "
            f"and {quiet:,.0f} without its log."
        )
    if "store_megabytes" in figures:
        yield f"The store of counted days: {figures['store_megabytes']:.1f} MB."
