"""The settings that tell several clusters of one slurmdbd, and of one Prefect server, apart."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import field_validator
from pydantic_settings import BaseSettings

from allocations.accounts import LEGAL_NAME, ClusterName
from allocations.deployments import POOL
from flows.variables import variable


class ClusterSettings(BaseSettings):
    """A part of `flows.settings.Settings`, which says where they are read from."""

    cluster: ClusterName | None = variable(
        "SLURM_CLUSTER",
        "The cluster that is served, where slurmdbd has several; without, the one that slurm.conf names",
        "a name as `sacctmgr show cluster` prints it",
        None,
    )

    work_pool: str = variable(
        "CLOUDROCK_WORK_POOL",
        "This cluster's work pool on the Prefect server, where that serves several; its name then ends those "
        "of the deployments and artifacts",
        "lower-case letters, digits and dashes, such as headnode-b",
        POOL,
    )

    state_folder: Path = variable(
        "CLOUDROCK_STATE_DIR",
        "Where the agent keeps its lock and what it may forget; all that write to one cluster share it "
        "(with SLURM_CLUSTER, a folder of that name in it)",
        "the path of a folder, made when missing",
        Path(".cloudrock-slurm"),
    )

    @field_validator("work_pool")
    @classmethod
    def in_names(cls, text: str) -> str:
        """What a name of an artifact may have."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
            raise ValueError
        return text

    @field_validator("cluster")
    @classmethod
    def as_stored(cls, text: str | None) -> str | None:
        """SLURM takes a cluster's name in any case, and keeps it in lower case."""
        if text is not None and not LEGAL_NAME.fullmatch(text.lower()):
            raise ValueError
        return None if text is None else text.lower()

    @property
    def state_dir(self) -> Path:
        """The folder in it that is this cluster's own: nothing in it is ever mixed with another one's."""
        return self.state_folder / self.cluster if self.cluster else self.state_folder
