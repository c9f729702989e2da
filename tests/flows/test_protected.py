"""slurmdbd is spared: real small programs stand for SLURM's, and the files are those of a site."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from flows.breaker_file import BreakerFile
from flows.budget import Budget
from flows.counting import LONGEST
from flows.protected import FOLDER, Clock, Happening, Notice, Protected, longest_question, why_not_asked
from slurm_io.breaker import PROBE, Answer, Breaker, Protection
from slurm_io.errors import BreakerOpen, BudgetTaken, SlurmUnavailable
from slurm_io.runner import NativeRunner
from tests.own_folder import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from slurm_io.commands import Command

SITE = Protection()
SCRIPT = """\
#!/bin/sh
# One of SLURM's programs: notes that it was started, and lasts as long as the file beside it says.
lasts=$(cat "$SEEN.lasts" 2>/dev/null)
echo "${0##*/} $*" >>"$SEEN"
[ -e "$SEEN.refused" ] && { echo "Connection refused" >&2; exit 1; }
[ -n "$lasts" ] && sleep "$lasts"
echo done
"""
START = datetime(2026, 11, 24, 2, 13, 20, tzinfo=UTC)
ASK = ("sacctmgr", "show", "assoc")


class Time(Clock):
    """Passes when it is told to; sleeping takes none of ours."""

    def __init__(self) -> None:
        self.passed, self.slept = 0.0, list[float]()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds


@dataclass
class Slow:
    """A runner behind which slurmdbd takes its time."""

    runner: NativeRunner
    time: Time
    seconds: float = 0.0

    def run(self, argv: Command, *, timeout: float = 120) -> str:
        printed = self.runner.run(argv, timeout=timeout)
        if argv[0] != "squeue":
            self.time.passed += min(self.seconds, timeout)
            if self.seconds > timeout:
                raise SlurmUnavailable(f"did not end within {timeout:g} s")
        return printed


class Place:
    """A headnode's folder, programs and runners."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen = folder, folder / "seen"
        self.heard: list[Notice] = []
        self.time = Time()
        self.slurm = Slow(NativeRunner(self.environment), self.time)
        for name in ("sacct", "sacctmgr", "squeue"):
            path = folder / name
            path.write_text(SCRIPT)
            path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}:{os.environ['PATH']}", "SEEN": str(self.seen)}

    def runner(self, protection: Protection = SITE) -> Protected:
        """Each is as another process's: they share nothing but the files."""
        return Protected(self.slurm, protection, self.folder / "state" / FOLDER, self.heard.append, self.time)

    @property
    def asked(self) -> list[str]:
        return self.seen.read_text().splitlines() if self.seen.exists() else []

    @property
    def happened(self) -> list[Happening]:
        return [notice.happening for notice in self.heard]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(tmp_path)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found


def open_it(place: Place) -> Protected:
    """A breaker that one very slow query opened."""
    place.slurm.seconds = 31
    runner = place.runner()
    assert runner.run(ASK) == "done\n"
    assert place.happened[-1] is Happening.OPENED
    return runner


def test_a_query_at_rest_writes_nothing_and_costs_less_than_five_milliseconds(place: Place) -> None:
    runner = place.runner()
    runner.run(ASK)
    bare, guarded = [], []
    for _ in range(15):
        for one, times in ((place.slurm, bare), (runner, guarded)):
            began = time.perf_counter()
            one.run(ASK)
            times.append(time.perf_counter() - began)
    assert sorted(guarded)[7] - sorted(bare)[7] < 0.005
    assert not runner.file.path.exists()
    assert place.heard == []


def test_after_the_breaker_has_opened_nobody_asks_anything_and_is_told_since_when_and_until_when(
    place: Place,
) -> None:
    open_it(place)
    asked = place.asked
    for runner in (place.runner(), place.runner()):
        with pytest.raises(
            BreakerOpen, match=r"has been slow since .* the next try is at \d\d:\d\d:\d\d UTC\. `"
        ) as found:
            runner.run(ASK)
        assert why_not_asked(runner) == f"; {found.value}"
        assert runner.run(("squeue", "-h")) == "done\n"
    assert place.asked == [*asked, "squeue -h", "squeue -h"]
    assert why_not_asked(NativeRunner({})) == ""


def test_one_cheap_probe_closes_it_when_slurmdbd_answers_in_time_again(place: Place) -> None:
    open_it(place)
    place.slurm.seconds = 0
    place.time.passed += SITE.pause_seconds
    before = len(place.asked)
    runner = place.runner()
    assert runner.run(ASK) == "done\n"
    assert place.asked[before:] == [" ".join(PROBE), " ".join(ASK)]
    assert place.happened[-1] is Happening.CLOSED
    runner.run(ASK)
    assert runner.file.read() == Breaker()


def test_a_slow_probe_opens_it_for_twice_as_long_and_what_was_wanted_is_not_asked(place: Place) -> None:
    open_it(place)
    place.time.passed += SITE.pause_seconds
    before = len(place.asked)
    runner = place.runner()
    began = place.time.now()
    with pytest.raises(BreakerOpen) as found:
        runner.run(ASK)
    assert found.value.opened > began
    assert place.asked[before:] == [" ".join(PROBE)]
    breaker = runner.file.read()
    assert breaker.openings == 2
    assert breaker.until
    assert breaker.until - found.value.opened > timedelta(seconds=2 * SITE.pause_seconds * 0.74)


def test_while_one_probes_all_others_stay_away(place: Place) -> None:
    first = open_it(place)
    place.time.passed += SITE.pause_seconds
    asked = place.asked
    with FileLock(first.folder / "probe.lock"), pytest.raises(BreakerOpen, match="tried at this moment"):
        place.runner().run(ASK)
    assert place.asked == asked


def test_a_probe_that_is_turned_away_closes_it_and_says_what_is_wrong(place: Place) -> None:
    open_it(place)
    place.slurm.seconds = 0
    place.seen.with_suffix(".refused").touch()
    place.time.passed += SITE.pause_seconds
    with pytest.raises(SlurmUnavailable, match="Connection refused") as found:
        place.runner().run(ASK)
    assert not isinstance(found.value, BreakerOpen)
    assert place.runner().file.read().until is None


def test_a_slow_answer_is_followed_by_a_rest_and_sacct_is_asked_for_a_day_at_a_time(place: Place) -> None:
    runner = place.runner()
    assert longest_question(runner)() == LONGEST
    place.slurm.seconds = 12
    runner.run(ASK)
    assert longest_question(place.runner())() == timedelta(days=1)
    assert longest_question(NativeRunner({}))() == LONGEST
    place.slurm.seconds = 0
    other = place.runner()
    for _ in range(2):
        other.run(ASK)
    assert place.happened == [Happening.SLOW, Happening.WAITS]
    assert place.time.slept == [12]


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
    assert runner.run(("sacct", "-S", "now")) == "done\n"
    assert runner.budget.under_way(2) == []


def test_who_waits_for_a_place_leaves_when_the_breaker_opens(place: Place) -> None:
    first, second = place.runner(replace(SITE, queries=1)), place.runner(replace(SITE, queries=1))
    assert second.usable()
    with first.budget.place(ASK, lambda: range(1), 0):
        opening = threading.Timer(0.3, first.learn, [Answer(asked=START, seconds=30, command=ASK)])
        opening.start()
        with pytest.raises(BreakerOpen):
            second.run(ASK)
        opening.join()
    assert place.asked == []


def test_by_hand_it_is_closed_at_once(place: Place) -> None:
    runner = open_it(place)
    place.slurm.seconds = 0
    assert runner.close().openings == 1
    assert place.runner().run(ASK) == "done\n"


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_what_root_makes_belongs_to_the_agent(place: Place) -> None:
    os.chown(place.folder, 65534, 65534)
    place.slurm.seconds = 12
    place.runner().run(ASK)
    made = [place.folder / "state", *(place.folder / "state").rglob("*")]
    assert {path.name for path in made} >= {"breaker.json", "breaker.lock", "query-0.lock", "query-0.holder"}
    assert {path.stat().st_uid for path in made} == {65534}
