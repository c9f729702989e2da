"""Where this process of the tests keeps its real parts, and what its OS users are called.

Two clusters, stacks or Prefect homes in one folder are refused or take each other down, and OS users belong
to the whole machine. So each of pytest-xdist's workers has a folder of its own, and names after it.
"""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.slurm.people import suffix_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".sandbox" / "tests" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
CLUSTER_FOLDER = FOLDER / "slurm"
DOCKER_FOLDER = FOLDER / "docker"
UP_FOLDER = FOLDER / "up"
DEMO_FOLDER = FOLDER / "demo"
SUFFIX = suffix_of(CLUSTER_FOLDER)


def person(name: str) -> str:
    """The OS user of this name in this process: `ada` is one of the marketplace's demo project."""
    return f"crs_{name}{SUFFIX}"


PEOPLE = frozenset(map(person, ("ada", "max", "mary")))
"""The team of the marketplace's demo project."""
