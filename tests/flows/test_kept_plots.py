"""Plots are drawn when what they show has changed, and only then."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from allocations.billing import BillingPeriod
from allocations.components import parse_components
from flows.kept_plots import KeptPlots, fingerprint_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.fast

COMPONENTS = """\
cpu: {limit: 600, measured_unit: hours, unit_factor: 60, accounting_type: usage, label: CPU}
mem: {limit: 614400, measured_unit: MB-minutes, accounting_type: usage, label: RAM}
"""
MONTH = BillingPeriod(2026, 11)
ROWS = (
    (date(2026, 11, 1), "hpc_a", "cpu", 3600),
    (date(2026, 11, 1), "hpc_b", "cpu", 60),
    (date(2026, 11, 2), "hpc_a", "mem", 7),
)
COLUMNS = ["day", "account", "component", "tres_seconds"]
CHANGES: dict[str, dict[str, Any]] = {
    "another second": {"rows": (*ROWS[:2], (date(2026, 11, 2), "hpc_a", "mem", 8))},
    "a row more": {"rows": (*ROWS, (date(2026, 11, 2), "hpc_b", "mem", 1))},
    "a row less": {"rows": ROWS[:2]},
    "another day": {"rows": (*ROWS[:2], (date(2026, 11, 3), "hpc_a", "mem", 7))},
    "another account": {"rows": (*ROWS[:2], (date(2026, 11, 2), "hpc_c", "mem", 7))},
    "two accounts changed places": {
        "rows": (
            (date(2026, 11, 1), "hpc_b", "cpu", 3600),
            (date(2026, 11, 1), "hpc_a", "cpu", 60),
            ROWS[2],
        )
    },
    "another component": {"rows": (*ROWS[:2], (date(2026, 11, 2), "hpc_a", "cpu", 7))},
    "another month": {"period": BillingPeriod(2026, 12)},
    "a day more on the axis": {"shown": 3},
    "another unit": {"components": COMPONENTS.replace("measured_unit: hours", "measured_unit: h")},
    "another label": {"components": COMPONENTS.replace("label: ", "label: The ")},
    "another factor": {"components": COMPONENTS.replace("unit_factor: 60", "unit_factor: 61")},
}


def fingerprint(
    *,
    rows: tuple[tuple[object, ...], ...] = ROWS,
    period: BillingPeriod = MONTH,
    shown: int = 2,
    components: str = COMPONENTS,
) -> str:
    days = pd.DataFrame(rows, columns=COLUMNS)
    return fingerprint_of(days, period, shown, parse_components(components, "components.yaml"))


def test_the_same_rows_have_the_same_fingerprint() -> None:
    assert fingerprint() == fingerprint()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_a_plot_shows_is_in_its_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(**change) != fingerprint()


def test_a_month_without_usage_has_one_too() -> None:
    assert fingerprint(rows=()) != fingerprint()


class Drawing:
    """Draws, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return f"<svg>{self.times}</svg>"


def test_plots_are_drawn_once_for_each_fingerprint_in_a_row(tmp_path: Path) -> None:
    kept, draw = KeptPlots(tmp_path / "reports" / "plots.json"), Drawing()
    shown = [kept.drawn(one, draw) for one in ("a", "a", "b", "b", "a")]
    assert shown == [f"<svg>{number}</svg>" for number in (1, 1, 2, 2, 3)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"fingerprint": "a"}', '{"fingerprint": "a", "plots": 1}', "\udcff"]
)
def test_a_file_that_is_bad_is_drawn_over(tmp_path: Path, text: str) -> None:
    kept, draw = KeptPlots(tmp_path / "plots.json"), Drawing()
    kept.path.write_bytes(text.encode(errors="surrogateescape"))
    assert [kept.drawn("a", draw) for _ in range(2)] == ["<svg>1</svg>"] * 2


def test_where_nothing_can_be_kept_they_are_drawn_each_time(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("no folder")
    kept, draw = KeptPlots(tmp_path / "reports" / "plots.json"), Drawing()
    assert [kept.drawn("a", draw) for _ in range(2)] == ["<svg>1</svg>", "<svg>2</svg>"]


def test_a_drawing_that_fails_leaves_what_was_kept(tmp_path: Path) -> None:
    kept = KeptPlots(tmp_path / "plots.json")
    kept.drawn("a", lambda: "kept")

    def fail() -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept.drawn("b", fail)
    assert kept.drawn("a", fail) == "kept"
