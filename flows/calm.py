"""Failures that are expected end a run with one clear sentence; a traceback is for bugs only."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
from prefect.exceptions import FailedRun
from prefect.states import Failed

from flows.expected import EXPECTED, MAY_PASS
from slurm_io.errors import SlurmdbdSpared

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

CALM = (*EXPECTED, httpx.TransportError)
"""What is told without a traceback: what is expected, and a Prefect server that goes away."""
RETRIES = 2
RETRY_DELAYS = [2, 10]
"""Seconds before each retry: a run is repeated every two minutes anyway."""


class WithoutTraceback(logging.Filter):
    """Drops the traceback from records about what is no bug."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record, but for one: a run's Failed state, which it has told, as if it were unexpected."""
        failure = record.exc_info[1] if record.exc_info else None
        if isinstance(failure, CALM):
            record.exc_info = None
            record.exc_text = None
        return not isinstance(failure, FailedRun)


def install_filter() -> None:
    """Calm the logs of flow and task runs, once."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, WithoutTraceback) for known in logger.filters):
            logger.addFilter(WithoutTraceback())


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task is worth its retries; not where slurmdbd is spared, which takes minutes."""
    result = state.result(raise_on_failure=False)
    return isinstance(result, MAY_PASS) and not isinstance(result, SlurmdbdSpared)


def calmly(
    work: Callable[[], State[Any]], logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
) -> State[Any]:
    """The work's own final state, or Failed with the sentence of what stopped it."""
    install_filter()
    try:
        return work()
    except EXPECTED as failure:
        logger.error("%s", failure)  # noqa: TRY400 - the sentence, not the traceback
        return Failed(message=str(failure))
