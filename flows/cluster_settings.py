"""The settings that tell several clusters of one slurmdbd, and of one Prefect server, apart."""

from __future__ import annotations

from pydantic import field_validator
from pydantic_settings import BaseSettings

from allocations.accounts import LEGAL_NAME, ClusterName
from flows.variables import variable


class ClusterSettings(BaseSettings):
    """A part of `flows.settings.Settings`, which says where they are read from."""

    cluster: ClusterName | None = variable(
        "SLURM_CLUSTER",
        "The cluster that is served, where slurmdbd has several; without, the one that slurm.conf names",
        "a name as `sacctmgr show cluster` prints it",
        None,
    )

    @field_validator("cluster")
    @classmethod
    def as_stored(cls, text: str | None) -> str | None:
        """SLURM takes a cluster's name in any case, and keeps it in lower case."""
        if text is not None and not LEGAL_NAME.fullmatch(text.lower()):
            raise ValueError
        return None if text is None else text.lower()
