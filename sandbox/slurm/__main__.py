"""`python -m sandbox.slurm start|run|stop|status [--folder FOLDER]`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.slurm.cluster import FOLDER, Cluster
from sandbox.slurm.daemons import NAMES
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.interrupts import interrupt_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def start(cluster: Cluster) -> int:
    """Start; the cluster stays until `stop`."""
    cluster.start(stays=True)
    _tell(cluster)
    return 0


def run(cluster: Cluster) -> int:
    """Start, stay in the foreground, and stop at Ctrl-C."""
    with cluster:
        _tell(cluster)
        signal.pause()
    return 0


def stop(cluster: Cluster) -> int:
    """Stop what was started in this folder."""
    cluster.stop()
    return 0


def status(cluster: Cluster) -> int:
    """Say which daemons are alive; exit code 3 when not all are."""
    alive = cluster.running_daemons()
    for name in NAMES:
        sys.stdout.write(f"# {name}: {f'pid {alive[name]}' if name in alive else 'not running'}\n")
    if not cluster.is_running():
        return 3
    _tell(cluster)
    return 0


def _tell(cluster: Cluster) -> None:
    """Lines for a shell: eval "$(python -m sandbox.slurm start)"."""
    for name, value in cluster.environment.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()


COMMANDS: dict[str, Callable[[Cluster], int]] = {"start": start, "run": run, "stop": stop, "status": status}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for an error said on standard error, 3 for not running, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.slurm", description="A SLURM cluster of its own."
    )
    parser.add_argument("command", choices=COMMANDS, help="what to do")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the cluster lives (%(default)s)")
    chosen = parser.parse_args(arguments)
    interrupt_once()
    try:
        return COMMANDS[chosen.command](Cluster(chosen.folder))
    except SandboxError as error:
        sys.stderr.write(f"sandbox/slurm: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
