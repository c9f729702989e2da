"""Trouble on request: errors, dropped connections, lost answers and slowness."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

KINDS = ("answer", "drop", "lose", "slow")


@dataclass
class Fault:
    """What to do to the next `times` requests whose "METHOD /path" matches the pattern.

    answer: say `status` and `body`, do nothing. drop: close the connection, do nothing.
    lose: do the work, then close the connection. slow: wait `seconds`, then go on as usual.
    """

    pattern: str
    kind: str
    times: int
    status: int
    body: object
    headers: dict[str, str]
    seconds: float


class Faults:
    """The faults that are waiting for their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Wait for the next matching requests."""
        if fault.kind not in KINDS:
            raise ValueError(f"no such kind of fault: {fault.kind}")
        re.compile(fault.pattern)
        with self._lock:
            self._waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if one waits for it."""
        with self._lock:
            for fault in self._waiting:
                if re.search(fault.pattern, f"{method} {path}"):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._waiting.clear()
