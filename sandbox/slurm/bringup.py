"""Brings a cluster's daemons up, in the order they need, and down again."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sandbox.inherited import environment as environment_here
from sandbox.slurm import config, daemons, loopback, people, processes
from sandbox.slurm.config import Ports, Setting
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.packages import program, search_path
from sandbox.slurm.places import free_ports, refuse_strangers_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sandbox.slurm.places import Places

READY_SECONDS = 60.0
TEMPLATE_SECONDS = 120
POLITE_SECONDS = 3.0
JOBS_SECONDS = 5.0


def choose(places: Places, *, quick: bool = False) -> Setting:
    """Free ports, this user, and how daemons get a loopback name; a quick cluster has a relay."""
    slurmdbd, slurmctld, relay, *slurmd = free_ports(3 + len(config.NODES))
    user = pwd.getpwuid(os.geteuid()).pw_name
    ports = Ports(slurmdbd, slurmctld, tuple(slurmd), relay if quick else None)
    return Setting(places, ports, loopback.find_host(), user)


def client_environment(places: Places) -> dict[str, str]:
    """What a client of the cluster needs, and nothing else; PATH only where it lacks folders of programs."""
    inherited = environment_here().get("PATH", "")
    path = search_path(inherited)
    needed = {"SLURM_CONF": str(places.slurm_conf)}
    return (
        needed
        if set(path.split(os.pathsep)) <= set(inherited.split(os.pathsep))
        else {**needed, "PATH": path}
    )


def full_environment(places: Places) -> dict[str, str]:
    """This process's environment with the cluster's on top, less what would be options to SLURM's clients."""
    prefixes = ("SLURM", "SBATCH", "SACCT", "SQUEUE", "SINFO", "SCANCEL", "SALLOC", "SRUN")
    inherited = {name: value for name, value in environment_here().items() if not name.startswith(prefixes)}
    return {**inherited, **client_environment(places)}


def bring_up(setting: Setting) -> None:
    """From nothing to a cluster that takes jobs; munge and slurmdbd too, where it has its own."""
    places = setting.places
    deadline = time.monotonic() + READY_SECONDS
    _lay_out(setting)
    environment = full_environment(places)
    books = None if setting.books else _start_books(setting)
    slurmds = {node: daemons.start(daemons.slurmd(setting, node), places) for node in config.NODES}
    if books:
        _bring_up_books(setting, *books, environment, deadline)
    known = daemons.answer(("sacctmgr", "-nP", "show", "cluster", "format=cluster"), environment) or ""
    is_new = setting.name not in known.split()
    if is_new:
        _client("sacctmgr", "-i", "add", "cluster", setting.name, environment=environment)
    slurmctld = daemons.start(daemons.slurmctld(setting), places)
    if is_new:
        _client(*DEFAULT_ACCOUNT_COMMAND, f"cluster={setting.name}", environment=environment)
    address, port = setting.host.address, setting.ports.slurmctld
    daemons.wait_until("slurmctld", slurmctld, places, lambda: daemons.listens(address, port), deadline)
    for node, pid in slurmds.items():
        idle = partial(_is_idle, node, environment)
        daemons.wait_until(f"slurmd-{node}", pid, places, idle, deadline, {"slurmctld": slurmctld})


def _start_books(setting: Setting) -> tuple[int, int]:
    """Munge and the database, which take their time."""
    munged = daemons.start(daemons.munged(setting.places), setting.places)
    _fill_database_folder(setting)
    return munged, daemons.start(daemons.mariadbd(setting.places), setting.places)


def _bring_up_books(
    setting: Setting, munged: int, mariadbd: int, environment: dict[str, str], deadline: float
) -> None:
    """When they are ready: slurmdbd, and the relay of a quick cluster."""
    places, address, ports = setting.places, setting.host.address, setting.ports

    def works(*command: str) -> Callable[[], bool]:
        return lambda: daemons.succeeds(command, environment)

    daemons.wait_until(
        "munged", munged, places, works("munge", "-n", "-S", str(places.munge_socket)), deadline
    )
    ping = ("mariadb", "--no-defaults", f"--socket={places.database_socket}", "-e", "select 1")
    daemons.wait_until("mariadbd", mariadbd, places, works(*ping), deadline)
    slurmdbd = daemons.start(daemons.slurmdbd(setting), places)
    relays: dict[str, int] = {}
    if ports.relay:
        relays[daemons.RELAY] = daemons.start(daemons.relay(setting, ports.relay), places)
    daemons.wait_until(
        "slurmdbd", slurmdbd, places, lambda: daemons.listens(address, ports.slurmdbd), deadline, relays
    )
    daemons.wait_until(
        "slurmdbd", slurmdbd, places, works("sacctmgr", "-nP", "show", "cluster"), deadline, relays
    )


DEFAULT_ACCOUNT_COMMAND = (
    "sacctmgr",
    "-i",
    "add",
    "account",
    config.DEFAULT_ACCOUNT,
    "description=where users' default association goes",
    "organization=cloudrock",
)


def _is_idle(node: str, environment: dict[str, str]) -> bool:
    found = daemons.answer(("sinfo", "-h", "-N", "-n", node, "-o", "%T"), environment)
    return found is not None and found.strip() == "idle"


def _client(*command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise SandboxError(f"`{' '.join(command)}` failed: {(done.stderr + done.stdout).strip()}")


def _lay_out(setting: Setting) -> None:
    """Folders and files, with the modes that munged, slurmdbd and other users' jobs need."""
    places = setting.places
    refuse_strangers_folder(places.run)
    shutil.rmtree(places.logs, ignore_errors=True)
    _folder(places.logs)
    _folder(places.run)
    for name in ("etc", "munge", "pids", "gpus", "homes", *(f"spool.{node}" for node in config.NODES)):
        _folder(places.run / name)
    for folder in (places.run / "private", places.run / "state", places.database_temporary):
        _folder(folder, mode=0o700)
    for number in range(config.GPUS_PER_NODE):
        _file(places.run / "gpus" / f"gpu{number}", "")
    _file(places.slurm_conf, config.slurm_conf(setting))
    _file(places.slurm_conf.with_name("gres.conf"), config.gres_conf(places))
    if setting.books is not None:
        return
    _file(places.slurmdbd_conf, config.slurmdbd_conf(setting), mode=0o600)
    _file(places.my_cnf, config.my_cnf(setting), mode=0o600)
    places.munge_key.touch(mode=0o600)
    places.munge_key.write_bytes(secrets.token_bytes(1024))
    places.munge_key.chmod(0o400)


def _folder(path: Path, mode: int = 0o755) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def _file(path: Path, text: str, mode: int = 0o644) -> None:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)


def _fill_database_folder(setting: Setting) -> None:
    """Making an empty database takes 4 s, copying one 0.1 s: the copy's source stays in the checkout."""
    places = setting.places
    if not places.template.exists():
        fresh = places.template.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        command = (
            str(program("mariadb-install-db")),
            f"--defaults-file={places.my_cnf}",
            f"--datadir={fresh}",
            "--auth-root-authentication-method=socket",
            f"--auth-root-socket-user={setting.user}",
            "--skip-test-db",
            "--skip-name-resolve",
        )
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TEMPLATE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise SandboxError(f"mariadb-install-db failed: {(done.stderr or done.stdout).strip()}")
        fresh.rename(places.template)
    shutil.copytree(places.template, places.database)


def start_again(places: Places, names: Sequence[str]) -> None:
    """End these daemons, the first first, and start them in the other order: they read the database anew."""
    found = processes.daemons_of(places)
    prefix = loopback.find_host().prefix
    known = {name: daemons.as_started(name, found[name].pid, prefix) for name in names}
    for name in names:
        processes.end(partial(processes.of_daemon, places, name), POLITE_SECONDS)
    environment = full_environment(places)
    for name in reversed(names):
        pid = daemons.start(known[name], places)
        question = ("sacctmgr", "-nP", "show", "cluster") if name == "slurmdbd" else ("scontrol", "ping")
        answers = partial(daemons.succeeds, question, environment)
        daemons.wait_until(name, pid, places, answers, time.monotonic() + READY_SECONDS)


def take_down(places: Places) -> None:
    """End everything that is the cluster's, also after a crash, and remove the run-time folder."""
    if "slurmctld" in processes.daemons_of(places):
        _end_jobs(places)
    processes.end(lambda: processes.all_of(places), POLITE_SECONDS)
    people.remove_all(places.folder)
    refuse_strangers_folder(places.run)
    shutil.rmtree(places.run, ignore_errors=True)
    if places.run.exists():
        raise SandboxError(f"{places.run} cannot be removed: remove it by hand")
    with suppress(FileNotFoundError):
        places.state.unlink()


def _end_jobs(places: Places) -> None:
    """Through SLURM as long as it answers; what is left is ended as processes afterwards."""
    environment = full_environment(places)
    deadline = time.monotonic() + JOBS_SECONDS
    jobs = daemons.answer(("squeue", "--noheader", "--format=%A"), environment)
    if not jobs:
        return
    daemons.succeeds(("scancel", "--signal=KILL", "--full", *sorted(set(jobs.split()))), environment)
    while jobs and time.monotonic() < deadline:
        time.sleep(0.1)
        jobs = daemons.answer(("squeue", "--noheader", "--format=%A"), environment)
