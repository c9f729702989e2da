"""Which requests may be sent again, and how patiently. Pure.

A request that was not carried out (connection refused, no route, 429) may always be repeated. One that may
have been is repeated only when carrying it out twice changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from allocations.billing import TURN_GUARD_SECONDS

CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
THROTTLED = 429
READS = frozenset({"GET", "HEAD"})
BUSY = frozenset({THROTTLED, 502, 503, 504})
"""Answers that mean: not now. After the retries they become `CloudrockUnavailable`."""

UUID = "[0-9a-f]{32}"
SETS_AN_ABSOLUTE_VALUE: dict[str, str] = {
    f"marketplace-resources/{UUID}/set_backend_id/": "the same id again: 200, 'is not changed'",
    f"marketplace-slurm-remote/{UUID}/set_backend_id/": "the same id again changes nothing",
    f"marketplace-slurm-remote/{UUID}/set_limits/": "replaces the whole of the limits",
    f"marketplace-slurm-remote/{UUID}/set_usage/": "sets the row of (user, month), never adds",
    f"marketplace-slurm-remote/{UUID}/create_association/": "again: 200, it exists; 16 at once: one row",
    "marketplace-component-usages/set_usage/": (
        "sets the row of (component, period, month), never adds. Two things to know: a repeat that crosses "
        "the turn of the month (UTC) lands in the new month, so callers stay `Patience.longest_call_seconds` "
        "away from it; with an annual or total limit_amount the server may refuse the repeat with a 400"
    ),
}
MUST_NOT_BE_REPEATED: dict[str, str] = {
    f"marketplace-order-items/{UUID}/approve/": "a second approve means done",
    f"marketplace-order-items/{UUID}/set_state_done/": "the repeat is refused with 400 although it was done",
    f"marketplace-order-items/{UUID}/set_state_executing/": "the repeat is refused with 400",
    f"marketplace-order-items/{UUID}/set_state_erred/": "on an item done meanwhile it breaks the resource",
    f"marketplace-slurm-remote/{UUID}/set_state/": "the repeat is a 409; moves orders and resources as well",
    f"marketplace-slurm-remote/{UUID}/delete_association/": "the repeat is refused with 400",
}
"""For the reader and the tests: whatever is not in the first table is not repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait and how often to try; times in seconds."""

    connect_timeout: float = CONNECT_SECONDS
    read_timeout: float = READ_SECONDS
    """The longest silence of the server while it answers."""
    attempts: int = 4
    first_pause: float = 0.5
    """Before the second attempt; doubles with each, and each is shortened at random by up to a half."""
    longest_pause: float = 30.0
    """Caps the pause, also one that the server asked for with Retry-After."""
    last_start: float = TURN_GUARD_SECONDS - CONNECT_SECONDS - READ_SECONDS
    """No attempt starts later than this after the first one did."""

    @property
    def longest_call_seconds(self) -> float:
        """The longest that one request with all its repeats takes while the server sends no trickle."""
        return self.last_start + self.connect_timeout + self.read_timeout

    def pause(self, attempt: int, retry_after: float | None, jitter: float) -> float:
        """How long to wait after the given attempt (from 1); `jitter` is a random number from 0 to 1."""
        if retry_after is not None:
            return min(max(retry_after, 0.0), self.longest_pause)
        grown = self.first_pause * 2.0 ** min(attempt - 1, 30)
        return min(grown, self.longest_pause) * (1.0 - jitter / 2)


def is_safe_to_repeat(method: str, path: str) -> bool:
    """Whether doing it twice leaves the server as once does; `path` is relative to the API's address."""
    if method in READS:
        return True
    return method == "POST" and any(re.fullmatch(known, path) for known in SETS_AN_ABSOLUTE_VALUE)


def statuses_to_repeat(method: str, path: str) -> frozenset[int]:
    """The answers after which the request is sent again.

    A 500 is repeated for reads only: on writes it was permanent in all cases seen (API.md, 3.2 and 3.3).
    """
    if method in READS:
        return BUSY | {500}
    return BUSY if is_safe_to_repeat(method, path) else frozenset({THROTTLED})
