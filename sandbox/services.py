"""Long-running programs of ours in the background: started with a mark, found by it, ended by it.

The mark is the folder, in each process's environment: children inherit it, it survives a crash of whoever
started them, and no foreign process can have it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from sandbox.inherited import environment as environment_here
from sandbox.slurm import SandboxError, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MARK = "CLOUDROCK_SANDBOX_SERVICES"
LOG_LINES = 15
POLL_SECONDS = 0.1
POLITE_SECONDS = 10.0
SERVER_ERROR = 500


def answers(url: str) -> bool:
    """Whether a server gives any answer below 500 at the address."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code < SERVER_ERROR
    except httpx.HTTPError:
        return False


@dataclass(frozen=True, slots=True)
class Services:
    """The background programs that belong to one folder; logs go to its `logs/`."""

    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, compare=False)
    """What this process started, by name."""

    @property
    def mark(self) -> dict[str, str]:
        """What makes a process one of this folder's."""
        return {MARK: str(self.folder)}

    def start(
        self, name: str, *argv: str, environment: Mapping[str, str], cwd: Path
    ) -> subprocess.Popen[bytes]:
        """Start a program that outlives us."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{name}.log").open("wb") as log:
            self.started[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment_here(), **environment, **self.mark},
                cwd=cwd,
                start_new_session=True,
            )
        return self.started[name]

    def ended(self) -> str:
        """What of it has ended though nobody stopped it, in words; empty when all live."""
        codes = {name: process.poll() for name, process in self.started.items()}
        return ", ".join(f"{name} (exit code {code})" for name, code in codes.items() if code is not None)

    def wait(
        self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], seconds: float
    ) -> None:
        """Until the program is ready; an error with the end of its log when it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                raise SandboxError(f"{name} ended with exit code {process.returncode}:\n{self.tail(name)}")
            if time.monotonic() > deadline:
                raise SandboxError(f"{name} was not ready within {seconds:.0f} s:\n{self.tail(name)}")
            time.sleep(POLL_SECONDS)

    def tail(self, name: str) -> str:
        """The end of a program's log."""
        lines = (self.folder / "logs" / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES:])

    def alive(self) -> set[processes.Process]:
        """Every process that carries the folder's mark."""
        return {
            entry.process
            for entry in processes.live_entries()
            if processes.environment_of(entry.process.pid).get(MARK) == str(self.folder)
        }

    def stop(self) -> None:
        """End them all, politely first; idempotent, and works after a crash of whoever started them."""
        self.started.clear()
        mine = {process.pid for process in self.alive()}
        processes.end(self.alive, POLITE_SECONDS)
        processes.reap(mine)

    def remember(self, facts: Mapping[str, str]) -> None:
        """Keep facts for other processes, readable by us only: tokens may be among them."""
        path = self.folder / "facts.json"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(dict(facts), file)

    def recall(self) -> dict[str, str]:
        """The facts that were kept; empty when there are none."""
        try:
            facts = json.loads((self.folder / "facts.json").read_text())
        except FileNotFoundError:
            return {}
        return {str(name): str(value) for name, value in facts.items()}
