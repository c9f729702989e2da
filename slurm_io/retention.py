"""How long slurmdbd keeps job records: asked, and read from what sacctmgr prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from allocations.retention import Retention, RetentionUnit
from slurm_io.errors import UnexpectedSlurmOutput

if TYPE_CHECKING:
    from slurm_io.commands import Command
    from slurm_io.runner import Runner

SHOW_CONFIGURATION: Command = ("sacctmgr", "-nP", "show", "configuration")
JOBS, SUMS = "PurgeJobAfter", "PurgeUsageAfter"
"""The settings about job records, and about slurmdbd's own sums of them."""
VALUE = re.compile(r"([1-9][0-9]{0,4}) (hours|days|months)\*?", re.ASCII)
FOR_EVER = "NONE"


def fetch_retention(runner: Runner) -> Retention | None:
    """PurgeJobAfter; None when job records are kept for ever."""
    return parse_retention(runner.run(SHOW_CONFIGURATION))


def parse_retention(text: str, setting: str = JOBS) -> Retention | None:
    """Its line in slurmdbd's configuration; a star says that what is purged is archived."""
    what = "sacctmgr show configuration"
    lines = re.findall(rf"^{setting} *= (.*)$", text, re.MULTILINE)
    if len(lines) != 1:
        raise UnexpectedSlurmOutput(what, " / ".join(lines), f"one line about {setting}")
    word = lines[0].strip()
    if word == FOR_EVER:
        return None
    value = VALUE.fullmatch(word)
    if value is None:
        raise UnexpectedSlurmOutput(what, word, f"{setting} as NONE or as hours, days or months")
    return Retention(int(value[1]), RetentionUnit(value[2]))
