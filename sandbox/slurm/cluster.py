"""A real SLURM cluster on this machine, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.slurm import bringup, history, people, processes, state, tree
from sandbox.slurm.config import CLUSTER, DATABASE, Ports
from sandbox.slurm.daemons import NAMES, RELAY
from sandbox.slurm.errors import PortTaken, SandboxError
from sandbox.slurm.interrupts import uninterrupted
from sandbox.slurm.packages import install_missing
from sandbox.slurm.places import Places, places_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from sandbox.slurm.config import Setting
    from sandbox.slurm.history import PastJob
    from sandbox.slurm.processes import Process
    from sandbox.slurm.tree import NewAccount

FOLDER = Path(__file__).parents[2] / ".sandbox" / "slurm"
ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    },
)
POLL_SECONDS = 0.1
TRIES = 3
"""How often ports are chosen: another cluster may choose the same ones at the same moment."""


def say_on_stderr(line: str) -> None:
    """Where a cluster reports what it does to the machine."""
    sys.stderr.write(f"sandbox/slurm: {line}\n")


@dataclass(frozen=True)
class _Answer:
    returncode: int
    stdout: str
    stderr: str


class Cluster:
    """One cluster per folder. Making the object does nothing; `start` and `stop` do.

    A `quick` one answers without the pauses that SLURM's messages make on loopback (relay.py): for tests,
    not for measuring.
    """

    name = CLUSTER

    def __init__(
        self, folder: Path = FOLDER, say: Callable[[str], None] = say_on_stderr, *, quick: bool = False
    ) -> None:
        self.folder = folder.resolve()
        self._say = say
        self._quick = quick

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def places(self) -> Places:
        """The folders of the running cluster, else the ones a start would use."""
        found = state.read(self.folder / "state.json")
        return Places(self.folder, found.run) if found else places_for(self.folder)

    @property
    def books(self) -> Places:
        """Where its accounting is: slurmdbd's database."""
        return self.places

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs: callers merge it into the environment."""
        return bringup.client_environment(self.places)

    @property
    def ports(self) -> Ports | None:
        """Where the daemons listen, while they run."""
        found = state.read(self.folder / "state.json")
        return found.ports if found else None

    def start(self, *, stays: bool = False) -> None:
        """Install, clean up after a crash, start, and wait until the cluster takes jobs.

        A cluster that `stays` outlives this process until somebody stops it; any other is a leftover
        once this process is gone, and the next start replaces it.
        """
        install_missing(self._say)
        with state.locked(self.folder):
            self._refuse_if_in_use()
            bringup.take_down(self.places)
            for tries_left in reversed(range(TRIES)):
                try:
                    self._bring_up(holder=None if stays else state.this_process())
                except PortTaken:
                    if not tries_left:
                        raise
                else:
                    return

    def _bring_up(self, holder: Process | None) -> None:
        places = places_for(self.folder)
        setting = self._choose(places)
        if not setting.host.loopback_only:
            self._say("this machine allows no namespaces: SLURM's daemons listen on all its addresses")
        state.write(state.State(places.run, setting.ports, holder), places.state)
        try:
            bringup.bring_up(setting)
        except BaseException:
            with uninterrupted():
                bringup.take_down(places)
            raise

    def _choose(self, places: Places) -> Setting:
        return bringup.choose(places, quick=self._quick)

    def _refuse_if_in_use(self) -> None:
        found = state.read(self.folder / "state.json")
        if found and found.is_held() and found.holder != state.this_process() and self.is_running():
            raise SandboxError(
                f"the cluster in {self.folder} is running: use it, "
                f"or stop it with `python -m sandbox.slurm stop --folder {self.folder}`, "
                "or give another folder",
            )

    def stop(self) -> None:
        """End the cluster's daemons, jobs and OS users, whoever started it, and nothing else; idempotent."""
        if self.folder.exists():
            with uninterrupted(), state.locked(self.folder):
                bringup.take_down(self.places)

    def running_daemons(self) -> dict[str, int]:
        """The pids of the daemons that are alive, by name."""
        return {name: process.pid for name, process in processes.daemons_of(self.places).items()}

    def is_running(self) -> bool:
        """Whether every daemon is alive."""
        return self._daemons() <= set(self.running_daemons())

    def _daemons(self) -> set[str]:
        return {*NAMES, RELAY} if self.ports and self.ports.relay else set(NAMES)

    def run(self, *command: str, user: str | None = None, timeout: float = 300, answer: str = "") -> str:
        """What a client's command prints; an error with what it says when it fails.

        `answer`: what it reads, for a command that asks.
        """
        done = self._ask(*command, user=user, timeout=timeout, text=answer)
        if done.returncode != 0:
            said = (done.stderr + done.stdout).strip() or "it says nothing"
            raise SandboxError(f"`{' '.join(command)}` failed with exit code {done.returncode}: {said}")
        return done.stdout

    def _ask(self, *command: str, user: str | None = None, timeout: float = 300, text: str = "") -> _Answer:
        entry = _user(user) if user and user != pwd.getpwuid(os.geteuid()).pw_name else None
        environment = bringup.full_environment(self.places)
        if entry:
            environment |= {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
        try:
            done = subprocess.run(
                command,
                env=environment,
                input=text,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                cwd=self.places.homes,
                user=entry.pw_uid if entry else None,
                group=entry.pw_gid if entry else None,
                extra_groups=[] if entry else None,
            )
        except FileNotFoundError:
            raise SandboxError(
                f"the cluster in {self.folder} is not running, or {command[0]} is missing: start it"
            ) from None
        except subprocess.TimeoutExpired:
            raise SandboxError(f"`{' '.join(command)}` did not answer in {timeout:.0f} s") from None
        return _Answer(done.returncode, done.stdout, done.stderr)

    def add_people(self, *names: str) -> None:
        """Make throw-away OS users (root only); they go with the cluster, also after a crash."""
        people.add(names, self.places)

    def submit(
        self, *options: str, user: str, account: str, seconds: int = 20, cpus: int = 1, gpus: int = 0
    ) -> int:
        """Submit a job that sleeps, as an OS user; `options` are sbatch's. Returns the job's id."""
        gres = (f"--gres=gpu:a100:{gpus}",) if gpus else ()
        text = self.run(
            "sbatch",
            "--parsable",
            f"--account={account}",
            "--ntasks=1",
            f"--cpus-per-task={cpus}",
            f"--time={seconds // 60 + 2}",
            *gres,
            "--output=/dev/null",
            "--chdir=/",
            *options,
            f"--wrap=exec sleep {seconds}",
            user=user,
        )
        return int(text.strip().split(";")[0])

    def wait_for_job(self, job_id: int, states: Collection[str] = ENDED, seconds: float = 60) -> str:
        """Wait until slurmdbd has one of the states for the job and each array task; returns the last."""
        deadline = time.monotonic() + seconds
        while True:
            text = self.run("sacct", "-nPX", "--allusers", "-j", str(job_id), "-o", "State")
            words = [line.split()[0] for line in text.splitlines()]
            now = [word for word in words if word != "RESIZING"]  # that record has ended, the job has not
            found = now[-1] if now else ""
            if now and set(now) <= set(states):
                return found
            if time.monotonic() > deadline:
                wanted = ", ".join(sorted(states))
                reason = self._ask("squeue", "-h", "-j", str(job_id), "-o", "%r").stdout.strip()
                raise SandboxError(
                    f"job {job_id} is {found or 'unknown'} ({reason or 'not in the queue'}) "
                    f"after {seconds:.0f} s, not one of {wanted}",
                )
            time.sleep(POLL_SECONDS)

    def sql(self, query: str) -> list[list[str]]:
        """Run SQL on slurmdbd's database; rows as text, NULL as `NULL`."""
        socket = f"--socket={self.books.database_socket}"
        done = self._ask("mariadb", "--no-defaults", socket, "-BN", DATABASE, text=query, timeout=900)
        if done.returncode != 0:
            raise SandboxError(f"the database refused `{query[:200]}`: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def insert_jobs(self, jobs: Iterable[PastJob]) -> int:
        """Put past jobs into slurmdbd's database, few or a million; returns how many."""
        return history.insert(jobs, self.sql, self.books.run / "private", self.name)

    def repeat_jobs_daily(self, count: int, days: int, until: datetime) -> int:
        """The jobs that were put in last, again on each of the following days; how many there are then."""
        return history.repeat_daily(count, days, until, self.sql)

    def insert_accounts(self, accounts: Iterable[NewAccount]) -> int:
        """Put accounts with their users into slurmdbd's database; how many associations there are now."""
        count = tree.insert(accounts, self.sql, self.places.run / "private")
        bringup.start_again(self.places, ("slurmctld", "slurmdbd"))
        return count

    def rollup(self, start: datetime, end: datetime) -> None:
        """Make slurmdbd sum up the hours, days and months of a time, now."""
        self.run("sacctmgr", "-i", "rollup", history.slurm_time(start), history.slurm_time(end), timeout=3600)

    def usage_from_rollup(self, account: str, start: datetime, end: datetime) -> dict[tuple[str, str], int]:
        """TRES-seconds in slurmdbd's hourly rollup for an account's own users: {(user, tres): seconds}."""
        return history.usage_from_rollup(account, start, end, self.sql, self.name)

    def books_from_rollup(self, start: datetime, end: datetime) -> dict[tuple[str, str, str], int]:
        """TRES-seconds of everybody in slurmdbd's hourly rollup: {(account, user, tres): seconds}."""
        return history.books_from_rollup(start, end, self.sql, self.name)

    def was_there_since(self, moment: datetime) -> None:
        """Let slurmdbd know the cluster since then: sreport leaves out what was before."""
        history.cluster_since(moment, self.sql, self.name)


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise SandboxError(f"there is no OS user {name}: make it with add_people({name!r})") from None
