"""Trouble on request: errors, dropped connections, lost answers, slowness, and callers who die."""

from __future__ import annotations

import os
import re
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass

DEADLY = ("kill", "kill_told")
KINDS = ("answer", "drop", "lose", "slow", *DEADLY)


@dataclass
class Fault:
    """What to do to the next `times` requests whose "METHOD /path" matches; the first `after` pass.

    answer: say `status` and `body`, do nothing. drop: close the connection, do nothing.
    lose: do the work, then close the connection. slow: wait `seconds`, then go on as usual.
    kill: do the work, end process `pid` with SIGKILL, say nothing. kill_told: the same after the answer.
    """

    pattern: str
    kind: str
    times: int
    status: int
    body: object
    headers: dict[str, str]
    seconds: float
    after: int = 0
    pid: int = 0

    def strike(self) -> None:
        """End the process as nothing else can; one that is gone already is fine."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Faults:
    """The faults that are waiting for their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Wait for the next matching requests."""
        if fault.kind not in KINDS:
            raise ValueError(f"no such kind of fault: {fault.kind}")
        if fault.kind in DEADLY and fault.pid <= 1:  # 0 and -1 would mean many processes
            raise ValueError(f"whom to kill is not said: pid {fault.pid}")
        re.compile(fault.pattern)
        with self._lock:
            self._waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if one waits for it."""
        with self._lock:
            for fault in self._waiting:
                if re.search(fault.pattern, f"{method} {path}"):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._waiting.clear()
