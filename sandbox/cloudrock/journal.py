"""Which requests came, from whom, and what they were answered: for tests that count calls."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass

LONGEST = 100_000


@dataclass
class Entry:
    """One request. `status` is 0 when the connection was dropped."""

    method: str
    path: str
    query: str
    actor: str
    body: object
    status: int = 0


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=LONGEST)

    def add(self, entry: Entry) -> None:
        """Note a request; its status may be filled in later."""
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[dict[str, object]]:
        """All of them, as plain objects."""
        with self._lock:
            return [asdict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._entries.clear()
