"""Progress of a run: a progress artifact on its page, and a line in its log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from flows.news import left
from flows.progress import Progress
from flows.work_pool import named_here

if TYPE_CHECKING:
    from uuid import UUID

KEY = "progress"


@dataclass(slots=True)
class ArtifactShown:
    """Shows one step's progress; the artifact is made when there is something to show."""

    known_as: UUID | None = field(default=None, init=False)

    def __call__(self, words: str, percent: float) -> None:
        """A percentage, and what it is of."""
        get_run_logger().info("%s", words)
        left("progress", lambda: self.show(words, percent))

    def show(self, words: str, percent: float) -> None:
        """On the run's page."""
        if self.known_as is None:
            self.known_as = cast(
                "UUID", create_progress_artifact(percent, key=named_here(KEY), description=words)
            )
        else:
            update_progress_artifact(self.known_as, percent, description=words)


def run_progress(what: str) -> Progress:
    """The progress of one step of the run under way."""
    return Progress(what, ArtifactShown())
