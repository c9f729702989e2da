"""The words that a setting may be: what an administrator chooses between."""

from __future__ import annotations

from enum import Enum


class SyncDirection(Enum):
    """Which side the service runs."""

    PULL = "pull"
    PUSH = "push"


class DeploymentType(Enum):
    """Where SLURM's commands run."""

    DOCKER = "docker"
    NATIVE = "native"


class UsernameSource(Enum):
    """Where a team member's name on the cluster comes from."""

    LOCAL = "local"
    FREEIPA = "freeipa"
    OFFERING = "offering"


class OrderApproval(Enum):
    """What happens to order items that wait for the provider."""

    MANUAL = "manual"
    AUTO = "auto"


class TerminateJobs(Enum):
    """What happens to the jobs of a terminated allocation, and of a member who left."""

    CANCEL = "cancel"
    WAIT = "wait"


class LimitsOwner(Enum):
    """Whose limits count when an allocation's limits on the cluster differ from the marketplace's."""

    SLURM = "slurm"
    CLOUDROCK = "cloudrock"


class DatedUsage(Enum):
    """Whether the marketplace books usage under the month that a report names."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"
