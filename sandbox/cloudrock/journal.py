"""Which requests came, from whom, and what they were answered: for tests that count calls."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 100_000


@dataclass
class Entry:
    """One request. `status` is 0 when the connection was dropped, `at` is the server's time."""

    method: str
    path: str
    query: str
    actor: str
    body: object
    status: int = 0
    at: str = ""


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=LONGEST)
        self.count = 0

    def add(self, entry: Entry) -> None:
        """Note a request; its status may be filled in later."""
        with self._lock:
            self._entries.append(entry)
            self.count += 1

    def entries(self) -> list[dict[str, object]]:
        """All of them, as plain objects."""
        with self._lock:
            return [asdict(entry) for entry in self._entries]

    def last(self, count: int, wanted: Callable[[Entry], bool]) -> list[Entry]:
        """The newest that are wanted, newest first."""
        with self._lock:
            return list(islice(filter(wanted, reversed(self._entries)), count))

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._entries.clear()
            self.count = 0
