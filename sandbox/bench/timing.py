"""How long something takes, and how much memory its process had at most."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slurm_io.commands import Command

KIB_PER_MB = 1000 * 1000 / 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall time, and the largest of the processes' peak memories in MB."""

    seconds: float
    megabytes: float
    printed: str = ""


def run(command: Command, environment: Mapping[str, str], *, keep: bool = False) -> Taken:
    """One command; what it prints is dropped unless it is to be kept."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
    ) as process:
        printed = process.stdout.read().decode() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if process.returncode:
        sys.stderr.write(f"{command[0]} ended with {process.returncode}\n")
        raise SystemExit(1)
    return Taken(seconds, usage.ru_maxrss / KIB_PER_MB, printed)


def run_all(commands: Iterable[Command], environment: Mapping[str, str]) -> Taken:
    """Several commands, one after the other."""
    taken = [run(command, environment) for command in commands]
    return Taken(sum(t.seconds for t in taken), max(t.megabytes for t in taken))
