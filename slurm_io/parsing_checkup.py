"""Pure parsers of what SLURM says about itself."""

from __future__ import annotations

import re

from slurm_io.commands_checkup import ADMIN_FIELDS
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import lines_of

BOOKS_HEADING = "SlurmDBD configuration:"
SETTING = re.compile(r"^(\S+) *= (.*?) *$", re.MULTILINE)


def parse_settings(text: str, what: str) -> dict[str, str]:
    """`Name = value` lines; of a name that comes twice the first, for plugins' sections come last."""
    found: dict[str, str] = {}
    for name, value in SETTING.findall(text):
        found.setdefault(name, value)
    if not found:
        raise UnexpectedSlurmOutput(what, text.partition("\n")[0], "lines of `Name = value`")
    return found


def parse_books_settings(text: str) -> dict[str, str]:
    """Slurmdbd's own settings: before them sacctmgr prints its client's, with a PrivateData of its own."""
    what = "sacctmgr show configuration"
    _, heading, own = text.partition(BOOKS_HEADING)
    if not heading:
        raise UnexpectedSlurmOutput(what, text.partition("\n")[0], f"the heading {BOOKS_HEADING!r}")
    return parse_settings(own, what)


def parse_admin_level(text: str) -> str:
    """One user's AdminLevel; empty where slurmdbd does not know him."""
    levels = [level for _, level in lines_of(text, ADMIN_FIELDS, "sacctmgr show user")]
    if len(levels) > 1:
        raise UnexpectedSlurmOutput("sacctmgr show user", text, "one user")
    return levels[0] if levels else ""


def parse_people(text: str) -> frozenset[str]:
    """The names in passwd(5) lines."""
    return frozenset(line.partition(":")[0] for line in text.split("\n") if line)


def parse_word(text: str, what: str) -> str:
    """One line of one word."""
    word = text.strip()
    if not re.fullmatch(r"\S+", word):
        raise UnexpectedSlurmOutput(what, text, "one word")
    return word
