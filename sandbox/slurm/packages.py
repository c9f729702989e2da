"""The programs a cluster needs, and the Debian packages that bring them."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.inherited import environment as environment_here
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.interrupts import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PACKAGE_OF = {
    "munged": "munge",
    "munge": "munge",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "mariadb": "mariadb-client",
    "slurmdbd": "slurmdbd",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sacctmgr": "slurm-client",
    "sacct": "slurm-client",
    "sbatch": "slurm-client",
    "scontrol": "slurm-client",
}
PATH_PARTS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = """#!/bin/sh
# cloudrock-slurm's sandbox put this here while apt installs, so that no daemon of the packages starts.
exit 101
"""
APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=120")
INSTALL = ("install", "--yes", "--no-install-recommends")
SECONDS_FOR_APT = 900


def search_path(inherited: str) -> str:
    """PATH with the folders of system programs, which an ordinary user's PATH may lack."""
    parts = [part for part in inherited.split(os.pathsep) if part]
    return os.pathsep.join(parts + [part for part in PATH_PARTS if part not in parts])


def program(name: str) -> Path:
    """Where a program of `PACKAGE_OF` is."""
    found = shutil.which(name, path=search_path(environment_here().get("PATH", "")))
    if found is None:
        package = PACKAGE_OF.get(name, name)
        raise SandboxError(f"{name} is not on this machine: install the Debian package {package}")
    return Path(found)


def missing_packages(path: str, package_of: Mapping[str, str] = PACKAGE_OF) -> tuple[str, ...]:
    """The packages whose programs are not found on `path`."""
    return tuple(
        sorted({package for name, package in package_of.items() if shutil.which(name, path=path) is None}),
    )


def install_missing(say: Callable[[str], None], package_of: Mapping[str, str] = PACKAGE_OF) -> None:
    """Install what is missing if this user may; else say exactly what is missing."""
    path = search_path(environment_here().get("PATH", ""))
    missing = missing_packages(path, package_of)
    if not missing:
        return
    command = " ".join(("apt-get", *INSTALL, *missing))
    if shutil.which("apt-get", path=path) is None:
        raise SandboxError(
            f"missing programs, in Debian the packages {' '.join(missing)}; this machine has no apt-get: "
            "install them with the machine's own tool",
        )
    become_root = _way_to_root(path)
    if become_root is None:
        raise SandboxError(
            f"missing Debian packages: {' '.join(missing)}. This user may not install them: "
            f"let an administrator run `apt-get update && {command}`, then start again",
        )
    say(f"installing through apt (this is not interrupted half-way): {' '.join(missing)}")
    environment = {**environment_here(), "PATH": path}
    with uninterrupted(), _no_daemons_started(become_root, environment):
        _run((*become_root, *APT, "update"), environment)
        _run((*become_root, "env", "DEBIAN_FRONTEND=noninteractive", *APT, *INSTALL, *missing), environment)
    still_missing = missing_packages(path, package_of)
    if still_missing:
        raise SandboxError(
            f"apt reported success, but programs of {' '.join(still_missing)} are not on {path}"
        )


def _way_to_root(path: str) -> tuple[str, ...] | None:
    """The words before a command that must run as root; None when there is no way without a password."""
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo", path=path)
    if sudo is None:
        return None
    asked = subprocess.run([sudo, "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return (sudo, "-n") if asked.returncode == 0 else None


@contextmanager
def _no_daemons_started(become_root: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Debian's switch against daemons that start at installation, set for a while; an existing one stays."""
    ours = not POLICY.exists() or POLICY.read_text(errors="replace") == POLICY_TEXT
    if ours:
        _run((*become_root, "tee", str(POLICY)), environment, text=POLICY_TEXT)
        _run((*become_root, "chmod", "755", str(POLICY)), environment)
    try:
        yield
    finally:
        if ours:
            _run((*become_root, "rm", "-f", str(POLICY)), environment)


def _run(command: Sequence[str], environment: Mapping[str, str], text: str = "") -> None:
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_FOR_APT,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(
            f"`{' '.join(command)}` did not end in {SECONDS_FOR_APT} s: try it by hand"
        ) from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SandboxError(f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{tail}")
