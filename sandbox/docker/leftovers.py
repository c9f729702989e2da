"""What an engine leaves in the kernel when it is killed: mounts, groups of processes, bridges of networks."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
CGROUPS = Path("/sys/fs/cgroup")
INTERFACES = Path("/sys/class/net")
BRIDGE = re.compile(rb"\bbr-[0-9a-f]{12}\b")
"""What an engine calls the bridge of a network, after the network's id."""
COMMAND_SECONDS = 30


def mounts_below(folder: Path) -> list[Path]:
    """Everything mounted below a folder, the innermost first."""
    points = (line.split()[4] for line in MOUNTS.read_text().splitlines())
    paths = [Path(point.encode().decode("unicode_escape")) for point in points]
    return [path for path in reversed(paths) if path.is_relative_to(folder)]


def unmount_below(folder: Path) -> None:
    """Take away what is mounted below a folder, and nothing that is mounted there from elsewhere."""
    for path in mounts_below(folder):
        _try("umount", "--lazy", str(path))


def cgroups(name: str) -> list[Path]:
    """The groups of one name, of each controller (cgroup v1) or the only one (v2), the innermost first."""
    roots = [path for top in ("", "*/") for path in CGROUPS.glob(f"{top}{name}")]
    inner = [path for root in roots for path in root.rglob("*") if path.is_dir()]
    return sorted({*roots, *inner}, key=lambda path: -len(path.parts))


def remove_cgroups(name: str) -> None:
    """Remove the groups, whose processes are gone."""
    for path in cgroups(name):
        with suppress(OSError):
            path.rmdir()


def bridges(data: Path) -> list[str]:
    """The bridges that are there of the networks in an engine's own notes."""
    notes = data / "network" / "files" / "local-kv.db"
    names = set(BRIDGE.findall(notes.read_bytes())) if notes.exists() else set()
    return sorted(name.decode() for name in names if (INTERFACES / name.decode()).exists())


def remove_bridges(data: Path) -> None:
    """Remove the bridges, whose containers are gone."""
    for name in bridges(data):
        _try("ip", "link", "delete", name)


def _try(*command: str) -> None:
    """What cannot be taken away is still among what remains."""
    subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
    )
