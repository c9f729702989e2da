"""The work pool of this cluster, for what needs no other setting: the marketplace's token, for one."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from allocations.deployments import of_pool
from flows.cluster_settings import ClusterSettings
from flows.settings import Settings, SettingsError
from flows.variables import complaints


class PoolSettings(ClusterSettings):
    """Read as `flows.settings.Settings` is."""

    model_config = SettingsConfigDict(**Settings.model_config)


def load_work_pool() -> str:
    """Its name, or SettingsError."""
    try:
        return PoolSettings().work_pool
    except ValidationError as error:
        raise SettingsError("\n".join(complaints(PoolSettings, error))) from None


def named_here(name: str) -> str:
    """The name of a deployment or an artifact, as this cluster has it."""
    return of_pool(name, load_work_pool())
