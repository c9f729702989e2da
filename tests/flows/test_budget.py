"""What processes share to spare slurmdbd: places for queries, and the breaker's file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from flows.breaker_file import BreakerFile
from flows.budget import Budget
from flows.protected import FOLDER, Happening
from slurm_io.breaker import Breaker
from slurm_io.errors import BudgetTaken
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from pathlib import Path


from tests.flows.sparing import ASK, Place, place

__all__ = ["place"]


def test_no_more_than_the_budget_is_asked_at_a_time_by_any_number_of_processes(place: Place) -> None:
    """A process of its own holds the one place for long queries; a short one goes on beside it."""
    lasts = place.seen.with_suffix(".lasts")
    lasts.write_text("60")
    program = (
        "import sys; from pathlib import Path; from flows.protected import Protected; "
        "from slurm_io.breaker import Protection; from slurm_io.runner import NativeRunner; import os; "
        "Protected(NativeRunner(dict(os.environ)), Protection(), Path(sys.argv[1]), print)"
        ".run(('sacct', '-S', 'now'))"
    )
    words = [sys.executable, "-c", program, str(place.folder / "state" / FOLDER)]
    environment = {**os.environ, **place.environment, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=environment) as process:
        while not place.asked:
            time.sleep(0.02)
        lasts.unlink()
        runner = place.runner()
        assert runner.run(ASK) == "done\n"
        with pytest.raises(BudgetTaken) as found:
            runner.run(("sacct", "-S", "now"), timeout=1.2)
        holder = f"its budget is taken by PID {process.pid} since "
        assert f"waited 1.2 s to ask slurmdbd `sacct -S now`: {holder}" in str(found.value)
        assert [holder in notice.text for notice in place.heard] == [True]
        assert [f"PID {process.pid}" in one for one in runner.budget.under_way(2)] == [True]
        process.kill()
        os.kill(int(place.seen.with_suffix(".pid").read_text()), signal.SIGKILL)
    assert runner.run(("sacct", "-S", "now")) == "done\n"
    assert runner.budget.under_way(2) == []


BAD = [
    b"",
    b"{",
    b'{"version":2}',
    b'{"until":"2026-11-24T02:13:20"}',
    b'{"waited_seconds":-1}',
    b'{"waited_seconds":NaN}',
    b'{"openings":"many"}',
    b"\xff",
]


@pytest.mark.parametrize("content", BAD)
def test_a_file_that_says_something_else_counts_as_closed_and_is_complained_of_once(
    place: Place, content: bytes
) -> None:
    runner = place.runner()
    assert runner.usable()
    runner.file.path.write_bytes(content)
    for _ in range(2):
        assert runner.run(ASK) == "done\n"
    assert [notice.happening for notice in place.heard] == [Happening.BROKEN]
    assert str(runner.file.path) in place.heard[0].text
    place.slurm.seconds = 12
    runner.run(ASK)
    assert not runner.file.read().is_well


def test_the_file_has_all_of_the_breaker(tmp_path: Path) -> None:
    now = datetime(2026, 11, 24, 2, 13, 20, 7, tzinfo=UTC)
    all_of_it = Breaker(
        since=now, waited_seconds=1.5, good=1, openings=2, opened=now, until=now, rest_until=now, reason="x"
    )
    file = BreakerFile(tmp_path, pytest.fail)
    assert file.change(lambda _: all_of_it) == (Breaker(), all_of_it)
    assert file.read() == all_of_it
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_folder_that_cannot_be_used_is_said_once_and_the_query_is_asked(place: Place) -> None:
    (place.folder / "state").write_text("a file")
    runner = place.runner()
    assert runner.run(ASK) == runner.run(ASK) == "done\n"
    assert [notice.happening for notice in place.heard] == [Happening.BROKEN]
    assert "slurmdbd is not spared" in place.heard[0].text


def test_a_place_without_a_signature_is_held_by_somebody_who_has_just_begun(tmp_path: Path) -> None:
    budget = Budget(tmp_path, pytest.fail)
    for content in (None, "", "[]", '{"pid":1}'):
        if content is not None:
            (tmp_path / "query-0.holder").write_text(content)
        assert budget.holder(0) == "a process that has just begun"


def test_what_is_made_belongs_to_the_folder_s_owner_also_when_root_makes_it(place: Place) -> None:
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(place.folder, owner, -1)
    place.slurm.seconds = 12
    place.runner().run(ASK)
    made = [place.folder / "state", *(place.folder / "state").rglob("*")]
    assert {path.name for path in made} >= {"breaker.json", "breaker.lock", "query-0.lock", "query-0.holder"}
    assert {path.stat().st_uid for path in made} == {owner}
