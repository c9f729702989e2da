"""The image `debian:bookworm-slim` made on this machine, for an engine that reaches no registry of images.

It has what the official one has, and this machine's way to Debian's packages and to Python's: sources and
proxies of apt, pip's configuration and certificates. So a Dockerfile is built as it is.
"""

from __future__ import annotations

import configparser
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.inherited import environment as environment_here
from sandbox.slurm.errors import SandboxError
from sandbox.slurm.packages import install_missing, program, search_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.docker.engine import Engine

NAME, TAG = "debian", "bookworm-slim"
SUITE = "bookworm"
PACKAGE_OF = {"mmdebstrap": "mmdebstrap"}
SECONDS = 300
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
PIP_SETTINGS = Path("/etc/pip.conf")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
OWN_CERTIFICATES = "/usr/local/share/ca-certificates/machine.crt"
"""Where Debian looks for a host's own: its package of certificates, which pip's package needs, keeps it."""
SLIM = ("man", "doc", "info", "locale", "lintian", "groff", "linda")
"""What the slim images leave out of /usr/share."""
QUIET = (
    'printf \'#!/bin/sh\\nexit 101\\n\' > "$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"'
)
"""No package starts its daemon in an image, as in the official one."""


def provide(engine: Engine, kept: Path, say: Callable[[str], None]) -> None:
    """Import the image into the engine; the archive stays at `kept`, for making it takes longest.

    Raises:
        SandboxError: it cannot be made here; the message says why.
    """
    if not kept.exists():
        make(kept, say)
    with closing(engine.client()) as client:
        client.api.import_image_from_file(str(kept), repository=NAME, tag=TAG, changes=['CMD ["bash"]'])


def make(archive: Path, say: Callable[[str], None]) -> None:
    """A minimal Debian 12, made by its own tools."""
    install_missing(say, PACKAGE_OF)
    fresh = archive.with_name(f"new-{archive.name}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="debian-") as folder:
        pip_settings = Path(folder) / "pip.conf"
        write_pip_settings(pip_settings)
        run("--variant=minbase", *options(pip_settings), SUITE, str(fresh), *sources())
    fresh.rename(archive)


def run(*arguments: str) -> None:
    """Let mmdebstrap make it; an error with its words when it cannot."""
    try:
        done = subprocess.run(
            (str(program("mmdebstrap")), *arguments),
            env={**environment_here(), "PATH": search_path(environment_here().get("PATH", ""))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(f"mmdebstrap made no {NAME}:{TAG} within {SECONDS} s") from None
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SandboxError(f"mmdebstrap made no {NAME}:{TAG}, exit code {done.returncode}:\n{tail}")


def write_pip_settings(file: Path) -> None:
    """This machine's settings of pip, with the certificates where they are in the image."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(PIP_SETTINGS)
    if CERTIFICATES.exists():
        if not settings.has_section("global"):
            settings.add_section("global")
        settings.set("global", "cert", OWN_CERTIFICATES)
    with file.open("w") as stream:
        settings.write(stream)


def options(pip_settings: Path) -> Iterator[str]:
    """What the official slim image sets, then what is this machine's."""
    yield "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
    yield "--include=usr-is-merged"  # else a package that merges by Perl
    yield "--dpkgopt=force-unsafe-io"
    for folder in SLIM:
        yield f"--dpkgopt=path-exclude=/usr/share/{folder}/*"
    yield "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    yield '--aptopt=Acquire::Languages "none"'
    yield '--aptopt=Acquire::GzipIndexes "true"'
    yield f"--customize-hook={QUIET}"
    for line in acquisition():
        yield f"--aptopt={line}"
    yield f"--customize-hook=upload {pip_settings} /etc/pip.conf"
    if CERTIFICATES.exists():
        yield f'--customize-hook=mkdir -p "$1{Path(OWN_CERTIFICATES).parent}"'
        yield f"--customize-hook=upload {CERTIFICATES} {OWN_CERTIFICATES}"


def acquisition() -> list[str]:
    """How this machine's apt fetches: proxies, certificates, and whether dates are looked at."""
    printed = subprocess.run(
        ("apt-config", "dump", "--no-empty", "Acquire"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    ).stdout
    wanted = ("Acquire::Check-", "Acquire::http", "Acquire::ftp", "Acquire::Retries")
    return [line for line in printed.splitlines() if line.startswith(wanted)]


def sources() -> list[str]:
    """Where this machine's apt finds Debian; mmdebstrap's own way when it says nothing."""
    return [str(path) for path in SOURCES if path.exists()][:1]
