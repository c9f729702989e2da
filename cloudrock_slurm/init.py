"""`cloudrock-slurm init FOLDER`: a new site's files, ready to be filled in; nothing is overwritten."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cloudrock_slurm.ending import FAILED
from cloudrock_slurm.templates import ENV_FILE, FOLDERS, PLAIN, SiteFile, site_files
from flows.state_folder import name_of

if TYPE_CHECKING:
    from pathlib import Path

AFTERWARDS = """
Now fill in {env}: the first three lines have no value yet.
Then, in {folder}: `cloudrock-slurm check`, and `cloudrock-slurm doctor` once a Prefect server runs.
Prefect's pages ask for the words of PREFECT_API_AUTH_STRING in that file, made up just now.
"""


def init(folder: Path, *, user: str | None = None) -> int:
    """Write the files into the folder, which is made when missing; 1 when one of them is there already."""
    site, owner = folder.absolute(), user or name_of(os.geteuid())
    for word in (str(site), owner):
        if not PLAIN.fullmatch(word):
            sys.stderr.write(f"init: {word!r}: expected letters, digits and / . _ + - only\n")
            return FAILED
    files = site_files(site, owner)
    there = [str(site / file.name) for file in files if (site / file.name).exists()]
    if there:
        sys.stderr.write(
            f"init: there already: {', '.join(there)}: expected a folder without them, for nothing is "
            "overwritten; name a new folder, or move them away\n"
        )
        return FAILED
    try:
        for file in files:
            write(site, file)
        for name in FOLDERS:
            (site / name).mkdir(exist_ok=True, mode=0o700)
            sys.stdout.write(f"made {site / name} (mode 0700)\n")
    except OSError as error:
        sys.stderr.write(
            f"init: cannot write {str(error.filename)!r} ({error.strerror}): expected a folder that this "
            "user may make or write\n"
        )
        return FAILED
    sys.stdout.write(AFTERWARDS.format(env=site / ENV_FILE, folder=site))
    return 0


def write(site: Path, file: SiteFile) -> None:
    """One file, with its mode from the start, and a line that says so; a new folder is its owner's only."""
    path = site / file.name
    site.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(file.text)
    sys.stdout.write(f"wrote {path}{' (mode 0600)' if file.name == ENV_FILE else ''}\n")
