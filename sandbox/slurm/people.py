"""Throw-away OS users. The machine's user list says which ones are ours: their comment names the cluster."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from sandbox.slurm import processes
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.packages import program
from sandbox.slurm.places import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sandbox.slurm.places import Places

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
GROUP = "nogroup"
SECONDS = 60
SUFFIX_LENGTH = 4


def comment_of(folder: Path) -> str:
    """The mark in the user list."""
    return f"cloudrock-slurm sandbox {key_of(folder)}"


def suffix_of(folder: Path) -> str:
    """What the users' names of the cluster in this folder end with, so that no two clusters want the same."""
    return f"_{key_of(folder)[:SUFFIX_LENGTH]}"


def made_by(folder: Path) -> list[pwd.struct_passwd]:
    """The users that the cluster in this folder made, in any process."""
    return [entry for entry in pwd.getpwall() if entry.pw_gecos == comment_of(folder)]


def add(names: Sequence[str], places: Places) -> None:
    """Make real OS users; the ones already made by this cluster stay."""
    if os.geteuid() != 0:
        raise SandboxError("only root can make OS users: run the sandbox as root, or run jobs as yourself")
    ours = {entry.pw_name for entry in made_by(places.folder)}
    everybody = {entry.pw_name for entry in pwd.getpwall()}
    for name in names:
        if not NAME.fullmatch(name):
            raise SandboxError(
                f"{name!r} cannot be an OS user: use up to 32 of a-z, 0-9, - and _, a letter first"
            )
        if name in everybody - ours:
            raise SandboxError(f"the OS user {name} exists and is not this sandbox's: choose another name")
    for name in sorted(set(names) - ours):
        _add_one(name, places)


def _add_one(name: str, places: Places) -> None:
    home = places.homes / name
    _run(
        "useradd",
        "--no-create-home",
        f"--home-dir={home}",
        "--no-user-group",
        f"--gid={GROUP}",
        "--shell=/bin/sh",
        "--no-log-init",
        "--key=SUB_UID_COUNT=0",
        "--key=SUB_GID_COUNT=0",
        f"--comment={comment_of(places.folder)}",
        name,
    )
    made = pwd.getpwnam(name)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(home, made.pw_uid, made.pw_gid)


def remove_all(folder: Path) -> None:
    """End what the cluster's users run, and remove them."""
    for entry in made_by(folder):
        processes.end(partial(processes.all_of_user, entry.pw_uid), polite_seconds=0)
        _run("userdel", entry.pw_name)


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        (str(program(name)), *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise SandboxError(f"{name} {arguments[-1]} failed: {(done.stderr or done.stdout).strip()}")
