"""Queries that slurmdbd has of us at a time: places, each a lock that the kernel frees with its process."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from flows.state_folder import hand_over
from slurm_io.errors import BudgetTaken, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from slurm_io.commands import Command

SHORTEST_LOOK, LONGEST_LOOK = 0.02, 0.5
"""Seconds between two looks for a free place."""
SAID_AFTER = 1.0
"""Seconds of waiting after which it is said."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The places, in a folder that all our processes on a headnode share."""

    folder: Path
    say: Callable[[str], None]

    @contextmanager
    def place(self, command: Command, choose: Callable[[], range], seconds: float) -> Iterator[None]:
        """Hold one of the places that may be chosen at the moment; wait for it so long, and say so.

        Raises:
            BudgetTaken: none became free.
        """
        began, look, has_said = time.monotonic(), SHORTEST_LOOK, False
        while (lock := self._taken(places := choose())) is None:
            waited = time.monotonic() - began
            if waited >= seconds:
                raise BudgetTaken(
                    f"waited {seconds:g} s to ask slurmdbd `{shown(command)}`: {self.words(places)}"
                )
            if waited > SAID_AFTER and not has_said:
                self.say(f"waiting to ask slurmdbd `{shown(command)}`: {self.words(places)}")
                has_said = True
            time.sleep(min(look, seconds - waited))
            look = min(2 * look, LONGEST_LOOK)
        try:
            self._sign(lock, command)
            yield
        finally:
            lock.release()

    def words(self, places: range) -> str:
        """`its budget is taken by PID 12 since 02:13:05 UTC (`sacct ...`)`."""
        return f"its budget is taken by {' and '.join(map(self.holder, places))}"

    def holder(self, number: int) -> str:
        """Who holds a place, as far as he has signed."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            signed = json.loads(self._signature(number).read_text(encoding="utf-8"))
            since = datetime.fromtimestamp(signed["since"], UTC)
            return f"PID {signed['pid']} since {since:%H:%M:%S} UTC (`{signed['command']}`)"
        return "a process that has just begun"

    def under_way(self, queries: int) -> list[str]:
        """Who asks at this moment; the places are tried, and let go at once."""
        found = []
        for number in range(queries):
            lock = self._taken(range(number, number + 1))
            if lock is None:
                found.append(self.holder(number))
            else:
                lock.release()
        return found

    def _taken(self, places: range) -> FileLock | None:
        for number in places:
            path = self.folder / f"query-{number}.lock"
            lock = FileLock(path, timeout=0, mode=0o600)
            with suppress(Timeout):
                lock.acquire()
                hand_over(path)
                return lock
        return None

    def _sign(self, lock: FileLock, command: Command) -> None:
        path = self._signature(int(lock.lock_file.rpartition("-")[2].partition(".")[0]))
        signed = {"pid": os.getpid(), "since": time.time(), "command": shown(command)}
        path.write_text(json.dumps(signed), encoding="utf-8")
        hand_over(path)

    def _signature(self, number: int) -> Path:
        return self.folder / f"query-{number}.holder"
