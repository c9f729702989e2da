"""Pure builders of the questions that a checkup asks about the cluster itself. All of them only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.accounts import user_name
from allocations.errors import InvalidName
from slurm_io.commands import ACTIVE_FIELDS, QUEUE_FORMAT, on_clusters

if TYPE_CHECKING:
    from collections.abc import Collection

    from allocations.accounts import ClusterName, UserName
    from slurm_io.commands import Command

ADMIN_FIELDS = ("user", "adminlevel")

SHOW_VERSION: Command = ("scontrol", "--version")
"""Asks no daemon: only whether SLURM's commands are there."""
SHOW_USER: Command = ("id", "-un")
SHOW_OFFSET: Command = ("date", "+%z")


def show_controller(elsewhere: ClusterName | None = None) -> Command:
    """The configuration of a slurmctld; `elsewhere` as in `slurm_io.commands.show_queue`."""
    return ("scontrol", *on_clusters(elsewhere), "show", "config")


def show_whole_queue(elsewhere: ClusterName | None) -> Command:
    """All jobs of one cluster; `elsewhere` as in `slurm_io.commands.show_queue`."""
    return ("squeue", "-h", "-a", *on_clusters(elsewhere), "-o", QUEUE_FORMAT)


def show_all_active(cluster: ClusterName) -> Command:
    """All that slurmdbd believes to be running there.

    Not `sacctmgr show runawayjobs`, which asks whether to end them (docs/decisions/0048).
    """
    which = (*on_clusters(cluster), "--state=RUNNING,SUSPENDED")
    return ("sacct", "-nPXa", *which, f"--format={','.join(ACTIVE_FIELDS)}")


def show_admin_level(user: UserName) -> Command:
    """A user's AdminLevel; nothing where slurmdbd does not know him."""
    return ("sacctmgr", "-nP", "show", "user", f"name={user_name(user)}", f"format={','.join(ADMIN_FIELDS)}")


def show_people(users: Collection[UserName]) -> Command:
    """Those of the users whom the operating system knows; exit code 2 when it knows not all of them."""
    if not users:
        raise InvalidName("list of users", "", "one user at least: getent would list everybody")
    return ("getent", "passwd", *map(user_name, sorted(users)))
