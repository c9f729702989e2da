"""A second cluster, under another name, whose accounting is in the slurmdbd of a first one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.slurm.cluster import Cluster, say_on_stderr
from sandbox.slurm.daemons import NAMES
from sandbox.slurm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.slurm.config import Setting
    from sandbox.slurm.places import Places

BOOKS = frozenset({"munged", "mariadbd", "slurmdbd"})
"""The daemons that are the first cluster's."""


class ClusterBeside(Cluster):
    """Its own slurmctld and nodes; munge, the database and slurmdbd are the first cluster's, which must run.

    Each can be stopped without the other; `forget` takes it out of slurmdbd as well.
    """

    def __init__(
        self, first: Cluster, folder: Path, name: str, say: Callable[[str], None] = say_on_stderr
    ) -> None:
        super().__init__(folder, say)
        self.first = first
        self.name = name

    @property
    def books(self) -> Places:
        """The first cluster's."""
        return self.first.places

    def _choose(self, places: Places) -> Setting:
        shared = self.first.ports
        if shared is None:
            raise SandboxError(f"the cluster in {self.first.folder} is not running: start it first")
        setting = super()._choose(places)
        ports = replace(setting.ports, slurmdbd=shared.slurmdbd, relay=shared.relay)
        return replace(setting, ports=ports, name=self.name, books=self.books)

    def _daemons(self) -> set[str]:
        return set(NAMES) - BOOKS

    def forget(self) -> None:
        """Stop it, and take it and its associations out of slurmdbd; its jobs' records stay there."""
        self.stop()
        self.first.run("sacctmgr", "-i", "delete", "cluster", self.name)
