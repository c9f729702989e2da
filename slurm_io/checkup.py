"""The questions of a checkup: every one is bounded in time, and none changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allocations.accounts import UserName, user_name
from allocations.errors import InvalidName
from slurm_io.commands_checkup import (
    SHOW_OFFSET,
    SHOW_USER,
    SHOW_VERSION,
    show_admin_level,
    show_all_active,
    show_controller,
    show_people,
    show_whole_queue,
)
from slurm_io.errors import SlurmCommandFailed
from slurm_io.parsing_checkup import parse_admin_level, parse_people, parse_settings, parse_word
from slurm_io.retention import SHOW_CONFIGURATION
from slurm_io.runaways import find_runaways
from slurm_io.runner import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Collection

    from allocations.accounts import ClusterName
    from slurm_io.commands import Command
    from slurm_io.runner import Runner
    from slurm_io.scope import Scope

ROOT = "root"
NOT_ALL_FOUND = 2
"""getent's exit code when it does not know all that it was asked for."""
PEOPLE_AT_ONCE = 1000
"""Names in one getent: a command line has a largest length."""


@dataclass(frozen=True, slots=True)
class Hurried:
    """A runner whose commands may take no longer than so many seconds."""

    runner: Runner
    seconds: float

    def run(self, argv: Command, *, timeout: float = DEFAULT_TIMEOUT) -> str:
        """As the runner inside."""
        return self.runner.run(argv, timeout=min(timeout, self.seconds))


def fetch_user(runner: Runner) -> str:
    """Who runs SLURM's commands, where they run; an error where there are none."""
    runner.run(SHOW_VERSION)
    return parse_word(runner.run(SHOW_USER), "id")


def fetch_offset(runner: Runner) -> str:
    """How far from UTC the commands are, as +0000."""
    return parse_word(runner.run(SHOW_OFFSET), "date")


def fetch_controller(runner: Runner, elsewhere: ClusterName | None = None) -> dict[str, str]:
    """Slurmctld's configuration; `elsewhere` as in `slurm_io.commands.show_queue`."""
    return parse_settings(runner.run(show_controller(elsewhere)), "scontrol show config")


def fetch_configuration(runner: Runner) -> str:
    """Slurmdbd's configuration as it prints it, for `parse_settings` and `parse_retention`."""
    return runner.run(SHOW_CONFIGURATION)


def fetch_admin_level(runner: Runner, user: str) -> str:
    """A user's AdminLevel; empty where slurmdbd does not know him, and for root, who needs none."""
    if user == ROOT:
        return ""
    return parse_admin_level(runner.run(show_admin_level(UserName(user))))


def fetch_unknown_people(runner: Runner, users: Collection[UserName]) -> frozenset[str]:
    """Those of the users whom the operating system does not know, where SLURM's commands run."""
    names = sorted(filter(_may_be_asked_for, users))
    known: set[str] = set()
    for start in range(0, len(names), PEOPLE_AT_ONCE):
        try:
            answer = runner.run(show_people(names[start : start + PEOPLE_AT_ONCE]))
        except SlurmCommandFailed as failure:
            if failure.returncode != NOT_ALL_FOUND:
                raise
            answer = failure.words
        known |= parse_people(answer)
    return frozenset(names) - known


def _may_be_asked_for(user: UserName) -> bool:
    """False for root, who is always there, and for names that pull could never have added."""
    try:
        user_name(user)
    except InvalidName:
        return False
    return True


def fetch_runaways(scope: Scope) -> frozenset[str]:
    """Jobs that slurmdbd believes to be running and slurmctld does not know."""
    believed, queued = show_all_active(scope.cluster), show_whole_queue(scope.named)
    return frozenset(job.job_id for job in find_runaways(scope.runner, believed, queued))
