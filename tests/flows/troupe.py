"""Clusters of their own for what is played many times, so that several scenes play at once.

sacctmgr mostly waits, so several clusters are as fast as one; and two that write to one cluster at the same
moment disturb each other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from sandbox.slurm import Cluster
from tests.flows import apart, fate
from tests.flows.scenes import Stage
from tests.own_folder import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.flows.scenes import Scene

CLUSTERS = 5
Story = TypeVar("Story")
Result = TypeVar("Result")


class Troupe:
    """Plays stories, each in a scene on a cluster that it has to itself."""

    def __init__(self, stages: list[Stage]) -> None:
        self.free: SimpleQueue[Stage] = SimpleQueue()
        for stage in stages:
            self.free.put(stage)
        self.pool = ThreadPoolExecutor(len(stages))

    def play(self, act: Callable[[Scene, Story], Result], stories: Iterable[Story]) -> list[Result]:
        """What the act comes to with each story, in their order."""

        def one(story: Story) -> Result:
            stage = self.free.get()
            try:
                with stage.scene() as scene:
                    return act(scene, story)
            finally:
                self.free.put(stage)

        return list(self.pool.map(one, stories))


@contextmanager
def assembled(folder: Path, prefect_api_url: str) -> Iterator[Troupe]:
    """A troupe with running clusters, which end with it."""
    fate.install(folder / "programs")
    apart.start_server(prefect_api_url)
    clusters = [Cluster(FOLDER / f"stage-{number}", quick=True) for number in range(CLUSTERS)]
    with ThreadPoolExecutor(CLUSTERS) as pool:
        try:
            list(pool.map(Cluster.start, clusters))
            yield Troupe([Stage(cluster, folder / "programs", folder) for cluster in clusters])
        finally:
            list(pool.map(Cluster.stop, clusters))
