"""The two doors, opened as the settings say."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cloudrock_io.client import Cloudrock
from flows.choices import DeploymentType
from flows.protected import protected
from flows.settings import FOR_CONTAINER, FOR_DOCKER, command_environment, inherited
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.commands import LIVES_ASKED
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from cloudrock_io.repeating import Patience
    from flows.day_store import ParquetDays
    from flows.protected import Hear, Notice, Protected
    from flows.settings import Settings
    from slurm_io.runner import Runner

HTTP_ATTEMPTS = 2
"""A glitch is passed over in the call; what lasts longer is retried by Prefect, where people see it."""


def on_stderr(notice: Notice) -> None:
    """For whoever sits at a terminal."""
    sys.stderr.write(f"{notice.text}\n")


def open_slurm(settings: Settings, hear: Hear = on_stderr) -> Slurm:
    """The cluster, reached as SLURM_DEPLOYMENT_TYPE says, and slurmdbd spared; `hear` is told of that."""
    return Slurm(open_protected(settings, hear), settings.cluster)


def open_protected(settings: Settings, hear: Hear = on_stderr) -> Protected:
    """The same without the door's questions."""
    return protected(open_runner(settings), settings, hear)


def open_runner(settings: Settings) -> Runner:
    """What runs SLURM's commands."""
    if settings.deployment_type is DeploymentType.NATIVE:
        return NativeRunner({**command_environment(), **SLURM_ENVIRONMENT})
    from slurm_io.runner_docker import DockerRunner  # noqa: PLC0415 - Docker's SDK takes time to import

    environment = {**inherited(FOR_CONTAINER), **SLURM_ENVIRONMENT}
    return DockerRunner(str(settings.container_name), environment, inherited(FOR_DOCKER))


def open_day_store(settings: Settings, cluster: str) -> ParquetDays:
    """Where days of usage are kept that are over.

    Whoever may see fewer jobs (PrivateData) counts less, so days are kept apart by who has counted them.
    """
    from allocations.usage import FORMULA  # noqa: PLC0415 - the tables take time to import
    from flows.day_store import ParquetDays  # noqa: PLC0415 - the same

    native = settings.deployment_type is DeploymentType.NATIVE
    who = str(os.geteuid()) if native else f"container {settings.container_name}"
    meaning = {"asked": " ".join(LIVES_ASKED), "formula": FORMULA, "asked_by": who}
    return ParquetDays(settings.state_dir / "usage", cluster, meaning)


def open_cloudrock(settings: Settings, patience: Patience | None = None) -> Cloudrock:
    """The marketplace; close it, or use it as a context."""
    return Cloudrock(
        str(settings.api_url),
        settings.api_token.get_secret_value(),
        settings.offering_uuid,
        verify_ssl=settings.verify_ssl,
        attempts=HTTP_ATTEMPTS,
        patience=patience,
    )
