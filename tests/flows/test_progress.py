"""A step that is soon done says nothing; a long one says how far it is, a few times."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allocations.billing import BillingPeriod
from flows.progress import Progress

MONTH = BillingPeriod(2026, 11)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def progress(clock: Clock, said: list[tuple[str, float]]) -> Progress:
    return Progress("telling 2026-11", lambda words, percent: said.append((words, percent)), clock=clock)


def test_a_short_step_says_nothing_not_even_at_its_end(progress, clock, said) -> None:
    for done in range(101):
        clock.now += 0.05
        progress.of_items(done, 100, "allocations")
    assert said == []


def test_a_long_step_speaks_every_ten_seconds_and_at_its_end(progress, clock, said) -> None:
    for done in range(101):
        clock.now += 0.3
        progress.of_items(done, 100, "allocations")
    assert said == [
        ("telling 2026-11: 33 of 100 allocations", 33.0),
        ("telling 2026-11: 67 of 100 allocations", 67.0),
        ("telling 2026-11: 100 of 100 allocations", 100.0),
    ]


def test_a_month_is_as_far_as_the_day_that_was_read(progress, clock, said) -> None:
    cutoff = MONTH.start + timedelta(days=20)
    read = progress.beside(lambda *bounds: len(bounds), MONTH, cutoff)
    clock.now += 11
    assert read(MONTH.start, MONTH.start + timedelta(days=5)) == 2
    assert said == [("telling 2026-11: up to 2026-11-06 of 2026-11-21", 25.0)]


def test_nothing_at_all_to_do_is_no_error(progress, said) -> None:
    progress.of_items(0, 0, "allocations")
    assert said == []


@pytest.mark.prefect
def test_a_long_step_of_a_run_is_one_artifact_that_grows_and_lines_in_the_log(
    prefect_server, said, caplog
) -> None:
    from prefect import flow  # noqa: PLC0415 - Prefect takes seconds
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - the same

    from flows.run_progress import run_progress  # noqa: PLC0415 - the same

    @flow
    def long_one() -> None:
        progress = run_progress("telling 2026-11")
        progress.quiet_seconds = 0
        for done in (3, 7, 10):
            progress.of_items(done, 10, "allocations")

    long_one()
    with get_client(sync_client=True) as client:
        found = client.request("GET", "/artifacts/{key}/latest", path_params={"key": "progress"}).json()
    assert (found["type"], found["data"]) == ("progress", 100.0)
    assert found["description"] == "telling 2026-11: 10 of 10 allocations"
    assert "telling 2026-11: 7 of 10 allocations" in caplog.text


def test_a_terminal_gets_one_line_that_is_gone_at_the_end_a_file_nothing(monkeypatch, capsys) -> None:
    from cloudrock_slurm.progress import terminal_progress  # noqa: PLC0415 - it needs nothing else

    with terminal_progress() as tell:
        tell("counting 2026-11: up to 2026-11-06 of 2026-11-21", 25.0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with terminal_progress() as tell:
        tell("counting 2026-11: up to 2026-11-06 of 2026-11-21", 25.0)
    shown = capsys.readouterr().err
    assert shown == "\r\x1b[Kcounting 2026-11: up to 2026-11-06 of 2026-11-21 (25 %)\r\x1b[K"
