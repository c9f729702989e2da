"""What can go wrong between us and SLURM: the caller decides by the type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from slurm_io.commands import Command

SHOWN = 300
"""Characters of a command or of its words that a message repeats."""

NOTHING_CHANGED = re.compile(
    r"Nothing (new added|modified|deleted)\.?|scancel: error: Invalid user name: [^\s]+"
)
"""The second: the host does not know the user (any more), so no job of his can be named; SLURM says later
whether one is left, when his association is to go.
"""


class SlurmError(Exception):
    """Base of everything that the SLURM door reports."""


class SlurmUnavailable(SlurmError):  # noqa: N818 - names the fact
    """SLURM does not answer now and may later: slurmdbd down, database busy, a call that took too long."""


class SlurmdbdSpared(SlurmUnavailable):
    """Slurmdbd was not asked, for its sake: docs/protection.md."""


class BreakerOpen(SlurmdbdSpared):
    """It has been slow, and is left alone for a while."""

    def __init__(self, words: str, opened: datetime) -> None:
        super().__init__(words)
        self.words = words
        self.opened = opened

    def __reduce__(self) -> tuple[type[BreakerOpen], tuple[str, datetime]]:
        return (BreakerOpen, (self.words, self.opened))


class BudgetTaken(SlurmdbdSpared):
    """It has as many queries of ours as it may have, and none ended in time."""


class SlurmMisconfigured(SlurmError):  # noqa: N818
    """This host or account cannot talk to SLURM at all: no commands, no permission, no default account."""


class SlurmCommandFailed(SlurmError):  # noqa: N818
    """SLURM answered, and refused."""

    def __init__(self, argv: Command, returncode: int, words: str) -> None:
        said = " ".join(words.split())[-SHOWN:] or "nothing"
        super().__init__(f"`{shown(argv)}` was refused (exit {returncode}): {said}")
        self.argv = argv
        self.returncode = returncode
        self.words = words

    @property
    def changed_nothing(self) -> bool:
        """Whether SLURM only says that there was nothing to do: that is how a repeated add looks."""
        return NOTHING_CHANGED.fullmatch(self.words.strip()) is not None

    def __reduce__(self) -> tuple[type[SlurmCommandFailed], tuple[Command, int, str]]:
        return (SlurmCommandFailed, (self.argv, self.returncode, self.words))


class UnexpectedSlurmOutput(SlurmError):  # noqa: N818
    """SLURM printed something that is not what was asked for; nothing was guessed from it."""

    def __init__(self, what: str, line: str, expected: str) -> None:
        super().__init__(f"unexpected output of {what}: expected {expected}, found {line[:SHOWN]!r}")
        self.what = what
        self.line = line
        self.expected = expected

    def __reduce__(self) -> tuple[type[UnexpectedSlurmOutput], tuple[str, str, str]]:
        return (UnexpectedSlurmOutput, (self.what, self.line, self.expected))


def shown(argv: Command) -> str:
    """A command as a message shows it."""
    text = " ".join(argv)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
