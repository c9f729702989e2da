"""Pure builders of the questions that a checkup asks about the cluster itself. All of them only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.accounts import user_name
from allocations.errors import InvalidName
from slurm_io.commands import ACTIVE_FIELDS, QUEUE_FORMAT

if TYPE_CHECKING:
    from collections.abc import Collection

    from allocations.accounts import UserName
    from slurm_io.commands import Command

ADMIN_FIELDS = ("user", "adminlevel")

SHOW_VERSION: Command = ("scontrol", "--version")
"""Asks no daemon: only whether SLURM's commands are there."""
SHOW_USER: Command = ("id", "-un")
SHOW_OFFSET: Command = ("date", "+%z")
SHOW_CONTROLLER: Command = ("scontrol", "show", "config")
SHOW_WHOLE_QUEUE: Command = ("squeue", "-h", "-a", "-o", QUEUE_FORMAT)
SHOW_ALL_ACTIVE: Command = (
    "sacct",
    "-nPXa",
    "--state=RUNNING,SUSPENDED",
    f"--format={','.join(ACTIVE_FIELDS)}",
)
"""Not `sacctmgr show runawayjobs`, which asks whether to end them (docs/decisions/0048)."""


def show_admin_level(user: UserName) -> Command:
    """A user's AdminLevel; nothing where slurmdbd does not know him."""
    return ("sacctmgr", "-nP", "show", "user", f"name={user_name(user)}", f"format={','.join(ADMIN_FIELDS)}")


def show_people(users: Collection[UserName]) -> Command:
    """Those of the users whom the operating system knows; exit code 2 when it knows not all of them."""
    if not users:
        raise InvalidName("list of users", "", "one user at least: getent would list everybody")
    return ("getent", "passwd", *map(user_name, sorted(users)))
