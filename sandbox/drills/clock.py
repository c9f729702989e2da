"""A stack whose Prefect and agent have a clock that can jump, while the machine's own goes on."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from sandbox.slurm import SandboxError
from sandbox.slurm.packages import install_missing, program
from sandbox.stack import Stack, say

SOURCE = Path(__file__).with_name("clock.c")
COMPILER = {"gcc": "build-essential"}


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
