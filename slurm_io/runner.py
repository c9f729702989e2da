"""The one place that starts processes: argument vectors in, text out, bounded in time and size."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from slurm_io.errors import (
    SHOWN,
    SlurmCommandFailed,
    SlurmMisconfigured,
    SlurmUnavailable,
    UnexpectedSlurmOutput,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slurm_io.commands import Command

DEFAULT_TIMEOUT = 120.0
"""Seconds that one command may take."""
LARGEST_OUTPUT = 512 * 1024 * 1024
"""Bytes after which a command is ended: sacctmgr has been seen to repeat a question without end."""
LARGEST_STDERR = 64 * 1024
"""Bytes of its error output that are kept; the rest is read and dropped."""
CHUNK = 1024 * 1024
GLANCE = 0.2
"""Seconds between two looks at whether a silent command has ended."""
LINGER = 5.0
"""Seconds that the children of an ended command may hold its output open."""

UNAVAILABLE = re.compile(
    r"connection refused|unable to contact|problem talking to|database is busy|lock wait|deadlock found"
    r"|can't connect|lost connection|gone away|failed to open persistent connection|socket timed out"
    r"|unspecified error|unable to connect|connection timed out|protocol authentication error"
    r"|invalid authentication credential|no route to host|communication connection failure|broken pipe"
    r"|persist_init|persistinit msg|resource temporarily unavailable"
    r"|can't be reached now",
    re.IGNORECASE,
)
"""What SLURM 22.05 says when slurmdbd, its database or munge do not answer: it may pass."""

DENIED = re.compile(
    r"permission denied|sufficient privilege|doesn't have privilege|is not adminlevel", re.IGNORECASE
)
"""What SLURM says to a caller who may not do this: no retry helps."""

NO_CONFIGURATION = re.compile(
    r"cannot stat file \S*slurm\.conf|unable to process configuration file"
    r"|could not establish a configuration source",
    re.IGNORECASE,
)
"""What SLURM says where it is installed and not configured."""

JOBS_ACTIVE = re.compile(r"job\(s\) active", re.IGNORECASE)
"""What slurmdbd says when it is to remove what jobs still use: they end, some time."""

UNKNOWN_TRES = re.compile(r"no TRES known by type", re.IGNORECASE)
"""What sacctmgr says to a limit of something that the cluster does not track."""


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
            UnexpectedSlurmOutput: it printed without end.
            SlurmCommandFailed: it refused, for any other reason.
        """
        with started(argv, self.environment) as process:
            try:
                output, words = collected(argv, process, timeout)
            except BaseException:
                end_group(process)
                raise
        return judged(argv, process.returncode, output, words)


def started(argv: Command, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The command as a process group of its own, that reads nothing and inherits nothing of ours."""
    try:
        return subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise SlurmUnavailable(f"this host can start no process now: {error.strerror}") from None
        raise SlurmMisconfigured(
            f"the SLURM command {argv[0]!r} cannot be run here ({error.strerror}): install SLURM's client "
            "commands, put them on PATH, or choose SLURM_DEPLOYMENT_TYPE=docker"
        ) from None


def collected(argv: Command, process: subprocess.Popen[bytes], timeout: float) -> tuple[str, str]:
    """What the command prints until it ends, on standard output and on standard error.

    Raises:
        SlurmUnavailable: it did not end in time.
        UnexpectedSlurmOutput: it printed without end.
    """
    output, words = bytearray(), bytearray()
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for pipe, kept in (
            (process.stdout, (output, LARGEST_OUTPUT + 1)),
            (process.stderr, (words, LARGEST_STDERR)),
        ):
            if pipe:
                selector.register(pipe, selectors.EVENT_READ, kept)
        while selector.get_map() or process.poll() is None:
            read_what_is_there(selector, process)
            if len(output) > LARGEST_OUTPUT:
                raise UnexpectedSlurmOutput(shown(argv), text_of(output[:CHUNK]), "an end of its output")
            if process.poll() is not None:
                deadline = min(deadline, time.monotonic() + LINGER)
            if time.monotonic() > deadline:
                if process.poll() is None:
                    raise SlurmUnavailable(
                        f"`{shown(argv)}` did not end within {timeout:g} s and was stopped"
                    )
                end_group(process)
                break
    return text_of(output), text_of(words)


def read_what_is_there(selector: selectors.BaseSelector, process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for output, keep it up to its bound, and let go of what has ended.

    A process closes its pipes a moment before it ends: with nothing left to read, its end is waited for.
    """
    if not selector.get_map():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GLANCE)
        return
    for key, _ in selector.select(GLANCE):
        chunk = os.read(key.fd, CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
        kept, largest = key.data
        kept += chunk[: max(0, largest - len(kept))]


def text_of(printed: bytes | bytearray) -> str:
    """Text; bytes that are not UTF-8 stay visible."""
    return printed.decode("utf-8", "backslashreplace")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever of the command and its children is left; a group that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def judged(argv: Command, returncode: int, output: str, words: str) -> str:
    """The output of a command that worked; the right error for one that did not.

    sacct and sacctmgr of 22.05 can print an error and still exit 0, so what they say counts as well.
    """
    said = words.strip()
    if returncode == 0 and not said:
        return output
    brief = " ".join(said.split())[:SHOWN]
    if DENIED.search(said):
        raise SlurmMisconfigured(
            f"`{shown(argv)}` was denied: {brief}. The account that runs cloudrock-slurm needs AdminLevel "
            "Operator or Administrator in sacctmgr"
        )
    if NO_CONFIGURATION.search(said):
        raise SlurmMisconfigured(f"`{shown(argv)}` finds no SLURM configuration: {brief}")
    if UNKNOWN_TRES.search(said):
        raise SlurmMisconfigured(
            f"`{shown(argv)}`: {brief}. Name the components as `sacctmgr show tres` does, or add what lacks "
            "to AccountingStorageTRES in slurm.conf"
        )
    if JOBS_ACTIVE.search(said):
        raise SlurmUnavailable(f"jobs are still active, so that SLURM refuses `{shown(argv)}`: {brief}")
    if UNAVAILABLE.search(said):
        raise SlurmUnavailable(
            f"SLURM does not answer `{shown(argv)}`: {brief}. This can pass by itself; otherwise see whether "
            "slurmdbd, its database and slurmctld run"
        )
    if returncode == 0 and not re.search(r"\b(error|fatal)\b", said, re.IGNORECASE):
        return output
    raise SlurmCommandFailed(argv, returncode, said or output)
