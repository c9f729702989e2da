"""The old agents as they were published: waldur-slurm-agent 0.2.2, in an environment of its own.

Nothing of them is kept here: the package is installed, checked by hash, from old-agent.lock.
"""

from __future__ import annotations

import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.slurm import SandboxError
from sandbox.stack import CHECKOUT, COMPONENTS

if TYPE_CHECKING:
    from sandbox.bench.metering import Cost, Meter

FOLDER = CHECKOUT / ".sandbox" / "old-agent"
HERE = Path(__file__).parent
LOCK, PROGRAM, PARSER = HERE / "old-agent.lock", HERE / "old_run.py", HERE / "old_parser.py"
READY = ".ready"
SAMPLE = 10
"""Allocations of a run that are measured; the others are taken to cost the same."""
USERS_SAMPLE = 20
"""The same for users who join an allocation."""
INSTALL_SECONDS = 600


def python() -> Path:
    """The Python that has the old agents; the first time it is made.

    Raises:
        SandboxError: it cannot be installed.
    """
    program = FOLDER / "bin" / "python"
    if not (FOLDER / READY).exists():
        venv.create(FOLDER, with_pip=True, clear=FOLDER.exists())
        words = (
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            "--require-hashes",
            "--no-deps",
        )
        done = subprocess.run(
            (str(program), *words, "-r", str(LOCK)),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise SandboxError(f"waldur-slurm-agent cannot be installed into {FOLDER}: {done.stderr.strip()}")
        (FOLDER / READY).touch()
    return program


@dataclass(slots=True)
class OldAgent:
    """Its published code against the bench's cluster and marketplace."""

    meter: Meter

    def environment(self, direction: str) -> dict[str, str]:
        """Its own variables, as its documentation has them; the rest is what every program gets."""
        stack = self.meter.stack
        kept = {name: value for name, value in self.meter.environment.items() if name not in CLEARED}
        return {
            **kept,
            "WALDUR_API_URL": stack.market["api_url"],
            "WALDUR_API_TOKEN": stack.market["tokens"]["provider_owner"],
            "WALDUR_OFFERING_UUID": stack.market["offering_uuid"],
            "WALDUR_SYNC_DIRECTION": direction,
            "SLURM_DEPLOYMENT_TYPE": "native",
            "SLURM_DEFAULT_ACCOUNT": "cloudrock",
            "SLURM_TRES_CONFIG_PATH": str(COMPONENTS),
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, direction: str, what: str, *words: str) -> Cost:
        """One thing that it does, in a process of its own."""
        argv = (str(python()), str(PROGRAM), what, *words)
        return self.meter.program(*argv, environment=self.environment(direction))

    def pull(self) -> Cost:
        """Its pull, whole: it looks for orders, and at nothing else."""
        return self.run("pull", "pull")

    def push(self, allocations: int) -> Cost:
        """Its hourly run: everything that it does for an allocation, for so many."""
        return self.sampled("push", allocations)

    def members(self, allocations: int) -> Cost:
        """The same less job records and amounts: what keeps members and limits in step."""
        return self.sampled("members", allocations)

    def sampled(self, what: str, allocations: int) -> Cost:
        """A run over a sample, and what it would be over all of them."""
        fixed = self.run("push", "list")
        sample = min(SAMPLE, allocations)
        return self.run("push", what, str(sample)).times(allocations / sample, fixed, sample)

    def joining(self, account: str, users: list[str]) -> Cost:
        """Users who join one allocation: it is told each of them, one after the other."""
        fixed = self.run("pull", "nothing")
        sample = min(USERS_SAMPLE, len(users))
        cost = self.run("pull", "join", account, *users[:sample])
        return cost.times(len(users) / sample, fixed, sample)

    def parsing(self, text: Path, *how: str) -> float:
        """CPU seconds of its own report of sacct's text."""
        argv = (str(python()), str(PARSER), str(text), *how)
        self.meter.program(*argv, environment=self.environment("push"))
        return float(self.meter.output().split()[-1])


CLEARED = {"SLURM_TIME_FORMAT"}
"""What our parsers need in SLURM's answers and its own does not expect."""
