"""Records cut into windows, with a program that answers as sacct does; test_traps.py has the real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allocations.usage import seconds_by_account
from slurm_io.errors import SlurmUnavailable
from slurm_io.job_records import MANY, READINGS

if TYPE_CHECKING:
    from pathlib import Path

    from allocations.days import WindowUsage
    from tests.slurm_io.conftest import Programs

START = datetime(2026, 2, 1, tzinfo=UTC)
END = START + timedelta(hours=1)
S, E = int(START.timestamp()), int(END.timestamp())


def answers(*, lives: str, named: str = "", clipped: str = "") -> str:
    """A script: all records as they stand, those of jobs asked for by name, and all clipped."""
    return f'case "$*" in -XDanP*) {lives or ":"};; *" -j "*) {named or ":"};; *) {clipped or ":"};; esac'


def asked(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def cpu_seconds(usage: WindowUsage) -> int:
    return seconds_by_account(usage.seconds).get("a", {}).get("cpu", 0)


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        (f"{S - 50}|{S + 9}|DONE|1|00:00:00", 9),
        (f"{E - 9}|Unknown|RUNNING|1|00:00:00", 9),
        (f"{S - 50}|Unknown|RUNNING|1|00:00:00", 3600),
        (f"{E + 50}|Unknown|RUNNING|1|00:00:00", 0),
        ("Unknown|Unknown|PENDING|1|00:00:00", 0),
        (f"None|{S + 9}|CANCELLED by 7|1|00:00:00", 0),
    ],
)
def test_a_job_that_was_never_suspended_is_cut_without_another_question(
    programs: Programs, tmp_path: Path, life: str, seconds: int
) -> None:
    start, end = life.split("|")[:2]
    ran = int(end) - int(start) if start.isdigit() and end.isdigit() else 0
    slurm = programs(answers(lives=f'echo "a|u|cpu=1|{ran}|{life}"'))
    assert cpu_seconds(slurm.fetch_usage(START, END)) == seconds
    assert len(asked(tmp_path)) == 1


@pytest.mark.parametrize(
    "life",
    [
        f"1800|{S - 1800}|{S + 1800}|DONE|5|00:30:00",
        f"1800|{E - 1800}|{E + 1800}|DONE|5|00:30:00",
        f"99999|{S + 5}|Unknown|RUNNING|5|00:00:01",
        f"1800|{S - 1800}|{S + 1800}|DONE|5|00:00:00",
        f"1800|{S - 1800}|{S + 1800}|DONE|5|1-00:00:00",
    ],
)
def test_one_that_was_and_reaches_over_a_bound_is_asked_for_again(
    programs: Programs, tmp_path: Path, life: str
) -> None:
    said = f'echo "a|u|cpu=1|700|{S}|{S + 900}|DONE|5"'
    slurm = programs(answers(lives=f'echo "a|u|cpu=1|{life}"', named=said))
    assert cpu_seconds(slurm.fetch_usage(START, END)) == 700, "it is the only one in its window"
    assert "-XDTanP" in asked(tmp_path)[1]
    assert "-j 5 -S 2026-02-01T00:00:00 -E 2026-02-01T01:00:00" in asked(tmp_path)[1]


def test_one_that_was_within_the_window_is_known(programs: Programs, tmp_path: Path) -> None:
    slurm = programs(answers(lives=f'echo "a|u|cpu=1|50|{S}|{S + 90}|DONE|5|00:00:40"'))
    assert cpu_seconds(slurm.fetch_usage(START, END)) == 50
    assert len(asked(tmp_path)) == 1


def test_one_that_is_gone_when_it_is_asked_for_again_is_no_zero(programs: Programs, tmp_path: Path) -> None:
    slurm = programs(answers(lives=f'echo "a|u|cpu=1|1800|{S - 1800}|{S + 1800}|DONE|5|00:30:00"'))
    with pytest.raises(SlurmUnavailable, match="three times in a row"):
        slurm.fetch_usage(START, END)
    assert len(asked(tmp_path)) == 2 * READINGS


def test_very_many_are_not_named_but_found_among_all_of_the_window(
    programs: Programs, tmp_path: Path
) -> None:
    torn = f'seq 1 {MANY + 1} | sed "s/.*/a|u|cpu=1|1800|{S - 1800}|{S + 1800}|DONE|&|00:30:00/"'
    other = f'echo "a|u|cpu=1|5|{S}|{S + 5}|DONE|9999|00:00:00"'
    clipped = f'seq 1 {MANY + 1} | sed "s/.*/a|u|cpu=1|2|{S}|{S + 900}|DONE|&/"'
    beside = f'echo "a|u|cpu=1|5|{S}|{S + 5}|DONE|9999"'
    slurm = programs(answers(lives=f"{torn}; {other}", clipped=f"{clipped}; {beside}"))
    assert cpu_seconds(slurm.fetch_usage(START, END)) == 2 * (MANY + 1) + 5
    assert " -j " not in "".join(asked(tmp_path))
