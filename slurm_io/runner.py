"""The one place that starts processes: argument vectors in, text out, bounded in time and size."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from slurm_io.errors import SlurmCommandFailed, SlurmMisconfigured, SlurmUnavailable, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slurm_io.commands import Command

DEFAULT_TIMEOUT = 120.0
"""Seconds that one command may take."""
LARGEST_OUTPUT = 512 * 1024 * 1024
"""Bytes after which a command is ended: sacctmgr has been seen to repeat a question without end."""
LARGEST_STDERR = 64 * 1024
CHUNK = 1024 * 1024
LINGER = 5.0
"""Seconds that the children of an ended command may hold its output open."""

UNAVAILABLE = re.compile(
    r"connection refused|unable to contact|problem talking to|database is busy|lock wait|deadlock found"
    r"|can't connect|lost connection|gone away|failed to open persistent connection|socket timed out"
    r"|unspecified error|unable to connect|connection timed out|protocol authentication error"
    r"|invalid authentication credential|no route to host|communication connection failure|broken pipe",
    re.IGNORECASE,
)
"""What SLURM 22.05 says when slurmdbd, its database or munge do not answer: it may pass."""

DENIED = re.compile(r"access/permission denied|sufficient privilege|permission denied", re.IGNORECASE)
"""What SLURM says to a caller who may not do this: no retry helps."""

NO_CONFIGURATION = re.compile(
    r"no such file or directory.*slurm\.conf|could not establish a configuration source", re.IGNORECASE
)


class Runner(Protocol):
    """Runs one command where SLURM is and returns what it printed."""

    def run(self, argv: Command, *, timeout: float = DEFAULT_TIMEOUT) -> str:
        """The command's standard output, or a typed error."""
        ...


@dataclass(frozen=True, slots=True)
class NativeRunner:
    """Runs commands on this host.

    `environment` is the whole environment that a command gets: none of our secrets are in it.
    """

    environment: Mapping[str, str]

    def run(self, argv: Command, *, timeout: float = DEFAULT_TIMEOUT) -> str:
        """The command's standard output.

        Raises:
            SlurmMisconfigured: the program is not there, or may not be used by this account.
            SlurmUnavailable: it did not end in time, or said that its database does not answer.
            SlurmCommandFailed: it refused, for any other reason.
        """
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.environment),
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError):
            raise SlurmMisconfigured(
                f"the SLURM command {argv[0]!r} cannot be run here: install SLURM's client commands, "
                "put them on PATH, or choose SLURM_DEPLOYMENT_TYPE=docker"
            ) from None
        with process:
            output, words = Collected(LARGEST_OUTPUT), Collected(LARGEST_STDERR, keep_reading=True)
            readers = (output.reading(process.stdout, process), words.reading(process.stderr, process))
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise SlurmUnavailable(
                    f"`{shown(argv)}` did not end within {timeout:g} s and was stopped"
                ) from None
            finally:
                if process.returncode is None:
                    end_group(process)
                for reader in readers:
                    reader.join(LINGER)
                if any(reader.is_alive() for reader in readers):
                    end_group(process)
        if output.overflowed:
            raise SlurmUnavailable(
                f"`{shown(argv)}` printed more than {LARGEST_OUTPUT >> 20} MiB and was stopped"
            )
        return judged(argv, process.returncode, output.text(), words.text())


class Collected:
    """What a command prints, up to a bound."""

    def __init__(self, largest: int, *, keep_reading: bool = False) -> None:
        self.largest = largest
        self.keep_reading = keep_reading
        self.chunks: list[bytes] = []
        self.size = 0
        self.overflowed = False

    def reading(self, pipe: IO[bytes] | None, process: subprocess.Popen[bytes]) -> threading.Thread:
        """A started thread that reads the pipe to its end, or ends the process at the bound."""
        thread = threading.Thread(target=self.read, args=(pipe, process), daemon=True)
        thread.start()
        return thread

    def read(self, pipe: IO[bytes], process: subprocess.Popen[bytes]) -> None:
        """Keep chunks until the bound."""
        while chunk := pipe.read1(CHUNK):  # type: ignore[attr-defined] # a pipe opened by Popen is buffered
            if self.size < self.largest:
                self.chunks.append(chunk)
                self.size += len(chunk)
            elif not self.keep_reading:
                self.overflowed = True
                end_group(process)
                return

    def text(self) -> str:
        """All of it; bytes that are not UTF-8 stay visible."""
        return b"".join(self.chunks).decode("utf-8", "backslashreplace")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the command and whatever it started; a group that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def judged(argv: Command, returncode: int, output: str, words: str) -> str:
    """The output of a command that worked; the right error for one that did not.

    sacct and sacctmgr of 22.05 can print an error and still exit 0, so what they say counts as well.
    """
    said = words.strip()
    if returncode == 0 and not said:
        return output
    if DENIED.search(said):
        raise SlurmMisconfigured(
            f"`{shown(argv)}` was denied: {said}. The account that runs cloudrock-slurm needs AdminLevel "
            "Operator or Administrator in sacctmgr"
        )
    if NO_CONFIGURATION.search(said):
        raise SlurmMisconfigured(f"`{shown(argv)}` finds no SLURM configuration: {said}")
    if UNAVAILABLE.search(said):
        raise SlurmUnavailable(f"SLURM does not answer `{shown(argv)}`: {said}")
    if returncode == 0 and not re.search(r"\b(error|fatal)\b", said, re.IGNORECASE):
        return output
    raise SlurmCommandFailed(argv, returncode, said or output)
