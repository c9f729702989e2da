"""What a run leaves on Prefect's server for people beside its work: it waits for none of it.

Prefect asks a server that does not answer again and again, for more than a minute each time. A run's states
are worth that; a table, a link or a percentage is not, least of all before orders are carried out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import httpx
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from flows.prefect_settings import altered

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

T = TypeVar("T")

RETRIES = 1
"""After two seconds."""
BUSY = frozenset({429, 503})
"""A server that answers so is there, and takes it later: SQLite has one writer."""
BUSY_TRIES = 4
unheard: set[UUID] = set()
"""Runs that were told nothing once: they tell nothing more."""


def left(what: str, leave: Callable[[], T]) -> T | None:
    """What leaving it gives; None, and a line in the log, when the server does not take it."""
    context = FlowRunContext.get()
    run = context.flow_run.id if context and context.flow_run else None
    if run in unheard:
        return None
    try:
        with altered("client", max_retries=RETRIES):
            return while_busy(leave)
    except httpx.HTTPStatusError as refusal:
        words = f"it answers {refusal.response.status_code}"
    except (httpx.HTTPError, OSError) as failure:
        words = f"it does not answer ({type(failure).__name__})"
        if run:
            unheard.add(run)
    if run:
        get_run_logger().warning("%s is not on the Prefect server: %s; the run goes on without", what, words)
    return None


def while_busy(leave: Callable[[], T]) -> T:
    """What leaving it gives, tried again while the server is busy."""
    for seconds in range(1, BUSY_TRIES):
        try:
            return leave()
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code not in BUSY:
                raise
            time.sleep(seconds)
    return leave()
