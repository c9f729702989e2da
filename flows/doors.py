"""The two doors, opened as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudrock_io.client import Cloudrock
from flows.choices import DeploymentType
from flows.settings import SettingsError, command_environment
from slurm_io.client import SLURM_ENVIRONMENT, Slurm
from slurm_io.runner import NativeRunner

if TYPE_CHECKING:
    from flows.settings import Settings

HTTP_ATTEMPTS = 2
"""A glitch is passed over in the call; what lasts longer is retried by Prefect, where people see it."""


def open_slurm(settings: Settings) -> Slurm:
    """The cluster, reached as SLURM_DEPLOYMENT_TYPE says."""
    if settings.deployment_type is DeploymentType.DOCKER:
        raise SettingsError(
            "SLURM_DEPLOYMENT_TYPE: docker is not built yet: expected native, on a host with SLURM's commands"
        )
    environment = {**command_environment(), **SLURM_ENVIRONMENT}
    return Slurm(NativeRunner(environment))


def open_cloudrock(settings: Settings) -> Cloudrock:
    """The marketplace; close it, or use it as a context."""
    return Cloudrock(
        str(settings.api_url),
        settings.api_token.get_secret_value(),
        settings.offering_uuid,
        verify_ssl=settings.verify_ssl,
        attempts=HTTP_ATTEMPTS,
    )
