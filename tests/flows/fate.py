"""SLURM's real programs, each behind a few lines that count what writes and bring about what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("sacct", "sacctmgr", "scancel", "squeue")
FATE = "SANDBOX_FATE"
"""The variable that tells a program where its fate is written."""

SCRIPT = """\
#!/bin/sh
# The program of this name further down PATH. A write whose number has a fate in $SANDBOX_FATE meets it.
name=${0##*/}
PATH=${PATH#*:}
fate=$SANDBOX_FATE
if [ -e "$fate/deaf" ]; then export SLURM_CONF="$fate/deaf.conf"; fi
case "$name $*" in
sacct\\ * | squeue\\ * | "sacctmgr -nP show "*) exec "$name" "$@" ;;
esac
echo "$name $*" >>"$fate/writes"
number=$(wc -l <"$fate/writes")
case "$(cat "$fate/$number" "$fate/every" 2>/dev/null)" in
kill) "$name" "$@" >/dev/null 2>&1; kill -9 "$PPID" ;;
kill_told)
    (while kill -0 $$; do sleep 0.005; done; kill -9 "$PPID") </dev/null >/dev/null 2>&1 &
    exec "$name" "$@" ;;
deaf) "$name" "$@"; code=$?; touch "$fate/deaf"; exit "$code" ;;
refuse) exec sacctmgr -i add account name=refused parent=nowhere ;;
lose) exit 0 ;;
*) exec "$name" "$@" ;;
esac
"""


class Blow(Enum):
    """What befalls a run at a write."""

    KILL = "kill"
    """The write is done, and the run's process is killed before it is told so."""
    KILL_TOLD = "kill_told"
    """The process is killed right after it was told."""
    DEAF = "deaf"
    """The write is done; from then on slurmdbd cannot be reached."""
    REFUSE = "refuse"
    """The write is replaced by one that SLURM refuses."""
    LOSE = "lose"
    """The write is not done and nothing is said: so slurmdbd does when another writer gets in between."""


def install(folder: Path) -> None:
    """The programs, to be put first on PATH."""
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(SCRIPT)
        (folder / name).chmod(0o755)


@dataclass(frozen=True)
class Fate:
    """The writes on the cluster of one run after the other, and what is to happen at which."""

    folder: Path
    slurm_conf: Path

    def clear(self) -> None:
        """Nothing was written, and nothing happens."""
        self.folder.mkdir(exist_ok=True)
        for file in self.folder.iterdir():
            file.unlink()
        lines = self.slurm_conf.read_text().splitlines(keepends=True)
        deaf = (
            "AccountingStoragePort=9\n" if one.startswith("AccountingStoragePort=") else one for one in lines
        )
        (self.folder / "deaf.conf").write_text("".join(deaf))

    def at(self, number: int, blow: Blow) -> None:
        """Let it happen at the n-th write from the last `clear` on; the first is 1."""
        (self.folder / str(number)).write_text(blow.value)

    def at_every(self, blow: Blow) -> None:
        """Let it happen at each write."""
        (self.folder / "every").write_text(blow.value)

    def deafen(self) -> None:
        """Slurmdbd cannot be reached from the first command on."""
        (self.folder / "deaf").touch()

    @property
    def writes(self) -> list[str]:
        """The commands that were told to write since the last `clear`."""
        file = self.folder / "writes"
        return file.read_text().splitlines() if file.exists() else []
