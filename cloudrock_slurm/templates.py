"""The files that a site starts with: where they are here, and what a new site's folder gets."""

from __future__ import annotations

import re
import secrets
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from flows.variables import CHANGE_ME

PACKAGED = Path(__file__).parent / "site"
"""Where the wheel has them."""
CHECKOUT = Path(__file__).parents[1]
SITE, PROGRAMS, USER = "/var/lib/cloudrock-slurm", "/opt/cloudrock-slurm", "User=cloudrock\n"
"""What they say for the site's folder, the virtual environment, and the user of the services."""
ENV_FILE = Path(".env")
FOLDERS = ("prefect", "state", "tmp")
"""Those that the settings' file names, made at once: else whoever needs them first would be their owner."""
PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
"""What a shell, systemd and Python read alike without quotes."""
PASSWORD_BYTES = 24
PRIVATE, PUBLIC = 0o600, 0o644
RENAMED = {"examples/native/cloudrock-slurm.env": ENV_FILE}
FLATTENED = {
    "examples/native": Path(),
    "examples/systemd": Path("systemd"),
    "deployments": Path("deployments"),
}
"""Folder here to folder of the site."""


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file of a site."""

    name: Path
    """In the site's folder."""
    text: str

    @property
    def mode(self) -> int:
        """What holds a secret is for its owner only."""
        return PRIVATE if self.name == ENV_FILE else PUBLIC


def is_installed() -> bool:
    """Whether this is an installed wheel; a checkout has its sandbox beside it."""
    return PACKAGED.is_dir()


def site_files(site: Path, user: str) -> tuple[SiteFile, ...]:
    """Every file of the site in this folder; its services run as this user, from this virtual environment."""
    root = PACKAGED if is_installed() else CHECKOUT
    files = [
        SiteFile(name, adapted((root / source).read_text(encoding="utf-8"), site, user))
        for source, name in sources(root)
    ]
    return tuple(with_password(file) if file.name == ENV_FILE else file for file in files)


def with_password(file: SiteFile) -> SiteFile:
    """The same with a password that nobody knows, wherever the example says that there must be another."""
    return replace(file, text=file.text.replace(CHANGE_ME, secrets.token_urlsafe(PASSWORD_BYTES)))


def sources(root: Path) -> list[tuple[str, Path]]:
    """Each file's path below the root, and its name in the site."""
    found = [(name, Path(name)) for name in ("config-components.yaml", "prefect.yaml")]
    for folder, target in FLATTENED.items():
        for path in sorted(each for each in (root / folder).rglob("*") if each.is_file()):
            source = path.relative_to(root).as_posix()
            found.append((source, RENAMED.get(source, target / path.relative_to(root / folder))))
    return found


def adapted(text: str, site: Path, user: str) -> str:
    """The text with this site's folder, user and virtual environment in the place of the examples'."""
    text = text.replace(USER, f"User={user}\n")
    return text.replace(SITE, str(site)).replace(PROGRAMS, sys.prefix)
