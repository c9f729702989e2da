"""What the rules refuse, and why. Whoever catches these decides once: see `flows`."""

from __future__ import annotations


class RuleError(Exception):
    """Base of what the rules refuse; the message is meant for a person."""


class InvalidName(RuleError):  # noqa: N818 - names the fact, as InvalidOrder and UnsafePlan do
    """A text that may not become a SLURM name."""

    def __init__(self, kind: str, text: str, expected: str) -> None:
        super().__init__(f"{kind} {text!r} cannot be used in SLURM: expected {expected}")
        self.kind = kind
        self.text = text
        self.expected = expected

    def __reduce__(self) -> tuple[type[InvalidName], tuple[str, str, str]]:
        return (InvalidName, (self.kind, self.text, self.expected))


class InvalidOrder(RuleError):  # noqa: N818
    """An order that can never be carried out as it stands; it becomes erred with this reason."""


class InvalidComponents(RuleError):  # noqa: N818
    """A components file that says something it may not; one line per finding."""


class ImpossibleUsage(RuleError):  # noqa: N818
    """More usage than a cluster could have; sums of it would not be exact."""


class OrderEnded(RuleError):  # noqa: N818
    """An order that somebody else ended meanwhile: nothing is left to finish, or to refuse."""


class UsageFell(RuleError):  # noqa: N818
    """A month's total below what can no longer be taken back."""


class InvalidPeriod(RuleError):  # noqa: N818
    """A text that is no billing period."""


class UnsafePlan(RuleError):  # noqa: N818
    """A plan that touches what is not ours, or removes more than one run may; nothing of it was applied."""


class InvalidRepair(RuleError):  # noqa: N818
    """Accounts that are not to be made again; one line for each."""


class UnfinishableOrder(RuleError):  # noqa: N818
    """States of an order that none of our calls may lead on from: a person must look."""


class CannotReportNow(RuleError):  # noqa: N818
    """Usage that must not be sent at this moment; it can be later."""
