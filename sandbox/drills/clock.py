"""A stack whose Prefect and agent have a clock that can jump, while the machine's own goes on."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox.inherited import environment as environment_here
from sandbox.slurm import SandboxError
from sandbox.slurm.packages import install_missing, program
from sandbox.stack import CHECKOUT, DEPLOY, Stack, say

SOURCE = Path(__file__).with_name("clock.c")
COMPILER = {"gcc": "build-essential"}
DOCTOR = (sys.executable, "-m", "cloudrock_slurm.main", "doctor", "--json")


class ClockedStack(Stack):
    """Prefect's server, the worker and its runs have the clock; SLURM's daemons and the marketplace not."""

    @property
    def shift_file(self) -> Path:
        """By how many seconds the clock is ahead."""
        return self.folder / "clock.shift"

    @property
    def library(self) -> Path:
        """What makes a program read this clock."""
        return self.folder / "clock.so"

    def environment(self) -> dict[str, str]:
        """What Prefect's programs, and through the worker the flows, get to see."""
        clock = {"LD_PRELOAD": str(self.library), "SANDBOX_CLOCK": str(self.shift_file)}
        return {**super().environment(), **clock}

    def prepare(self, *, stays: bool = False) -> None:
        """The clock first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.shift_file.write_bytes(struct.pack("=q", 0))
        install_missing(say, COMPILER)
        argv = (program("gcc"), "-O2", "-shared", "-fPIC", "-o", self.library, SOURCE)
        built = subprocess.run(argv, capture_output=True, text=True, check=False)
        if built.returncode:
            raise SandboxError(f"{SOURCE.name} cannot be compiled:\n{built.stderr.strip()}")
        super().prepare(stays=stays)

    def jump_to(self, seconds: int) -> None:
        """From now on the clock is so many seconds ahead of the machine's."""
        with self.shift_file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))

    def deploy(self) -> None:
        """`cloudrock-slurm deploy`, by this clock."""
        self.run(DEPLOY, "cloudrock-slurm deploy")

    def doctor(self) -> dict[str, Any]:
        """What `cloudrock-slurm doctor` says, by this clock."""
        environment = {**environment_here(), **self.agent_environment(), **self.services.mark}
        done = subprocess.run(
            DOCTOR, env=environment, capture_output=True, text=True, check=False, cwd=CHECKOUT
        )
        if not done.stdout:
            raise SandboxError(f"doctor said nothing:\n{done.stderr.strip()}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told
