"""A headnode of small programs, on which slurmdbd takes the time that a test says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flows.protected import FOLDER, Clock, Happening, Notice, Protected
from slurm_io.breaker import Protection
from slurm_io.errors import SlurmUnavailable
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from pathlib import Path

    from slurm_io.commands import Command

SITE = Protection()
SCRIPT = """\
#!/bin/sh
# One of SLURM's programs: notes that it was started, and lasts as long as the file beside it says.
lasts=$(cat "$SEEN.lasts" 2>/dev/null)
echo "${0##*/} $*" >>"$SEEN"
[ -e "$SEEN.refused" ] && { cat "$SEEN.refused" >&2; exit 1; }
[ -n "$lasts" ] && { echo $$ >"$SEEN.pid"; exec sleep "$lasts"; }
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
    late: float = 0.0
    """How long it takes to refuse."""

    def run(self, argv: Command, *, timeout: float = 120) -> str:
        self.time.passed += self.late
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
