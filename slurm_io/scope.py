"""Which cluster is ours: slurmdbd may keep several, with accounts and users of the same names.

SLURM_CLUSTER names it. Without, it is the only one that slurmdbd has; where that has several, it is the one
that the headnode's slurm.conf names, which slurmctld is asked for, once for each door that is opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.accounts import ClusterName, cluster_name
from slurm_io.books import parse_clusters
from slurm_io.commands_books import show_clusters
from slurm_io.commands_checkup import show_controller
from slurm_io.errors import SlurmMisconfigured, SlurmUnavailable
from slurm_io.parsing_checkup import parse_settings

if TYPE_CHECKING:
    from slurm_io.runner import Runner

CLUSTER_SETTING = "ClusterName"


@dataclass(frozen=True, slots=True)
class Scope:
    """One cluster, and how to ask about it."""

    runner: Runner
    named: ClusterName | None = None
    """As SLURM_CLUSTER says."""
    found: list[ClusterName] = field(default_factory=list, repr=False, compare=False)
    """The cluster, once it is known."""

    @property
    def cluster(self) -> ClusterName:
        """Ours; asks for it when nothing has told it yet."""
        return self.known or self.settle(self.fetch_clusters())

    @property
    def known(self) -> ClusterName | None:
        """Ours, when it is known without a question."""
        return self.named or (self.found[0] if self.found else None)

    def fetch_clusters(self) -> tuple[ClusterName, ...]:
        """All that slurmdbd has."""
        return tuple(map(cluster_name, parse_clusters(self.runner.run(show_clusters()))))

    def settle(self, clusters: tuple[ClusterName, ...]) -> ClusterName:
        """Ours among those that slurmdbd has, from now on.

        Raises:
            SlurmUnavailable: there are several, and slurmctld does not say which one this headnode is of.
            SlurmMisconfigured: ours is none of them.
        """
        ours = self.named or (clusters[0] if len(clusters) == 1 else self._fetch_own(clusters))
        if ours not in clusters:
            there = ", ".join(clusters)
            if self.named:
                raise SlurmMisconfigured(
                    f"SLURM_CLUSTER: slurmdbd knows no cluster {ours!r}: expected one of {there}, as "
                    "`sacctmgr show cluster` prints them"
                )
            raise SlurmMisconfigured(
                f"slurm.conf calls this cluster {ours!r}, and slurmdbd knows only {there}: "
                f"`sacctmgr add cluster {ours}`, or name one of them in SLURM_CLUSTER"
            )
        self.found[:] = [ours]
        return ours

    def _fetch_own(self, clusters: tuple[ClusterName, ...]) -> ClusterName:
        """The cluster of the headnode's slurm.conf, as slurmctld has it."""
        try:
            told = parse_settings(self.runner.run(show_controller()), "scontrol show config")
        except SlurmUnavailable as failure:
            raise SlurmUnavailable(
                f"slurmdbd keeps several clusters ({', '.join(clusters)}), and only slurmctld knows which of "
                f"them is this one, unless SLURM_CLUSTER names it: {failure}"
            ) from None
        return cluster_name(told.get(CLUSTER_SETTING, "").lower())
