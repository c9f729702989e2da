"""Who changed it: slurmdbd's transactions, and which of them explain a finding. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allocations.findings import Finding

ADD_ACCOUNTS = "Add Accounts"
REMOVE_ACCOUNTS = "Remove Accounts"
REMOVE_USERS = "Remove Users"
ADD_ASSOCIATIONS = "Add Associations"
MODIFY_ASSOCIATIONS = "Modify Associations"
REMOVE_ASSOCIATIONS = "Remove Associations"
"""slurmdbd's own words for what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One change of slurmdbd's database."""

    when: datetime
    action: str
    actor: str
    """The operating-system user who did it."""
    names: frozenset[str] = frozenset()
    """The accounts or users that it names."""
    pairs: frozenset[tuple[str, str]] = frozenset()
    """The associations that it concerns, as (account, user); an account's own has an empty user."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What it set; the value is empty where it differs from association to association."""

    def __str__(self) -> str:
        return f"{self.actor}, {self.when:%Y-%m-%d %H:%M} UTC ({self.action})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a cause looks like among the transactions."""

    action: str
    name: str = ""
    """The account or user that the transaction names; else it is found by its pair."""
    pair: tuple[str, str] | None = None
    setting: str = ""
    value: str = ""
    """Empty for any value."""

    def is_left_by(self, transaction: Transaction) -> bool:
        """Whether the transaction is such a one."""
        if transaction.action != self.action:
            return False
        if self.pair is None and self.name not in transaction.names:
            return False
        if self.pair is not None and self.pair not in transaction.pairs:
            return False
        if not self.setting:
            return True
        return self.setting in transaction.settings and (
            not self.value or transaction.settings[self.setting] == self.value
        )


Alternatives: TypeAlias = "tuple[Trace, ...]"
"""One cause may have left any of these."""


def closing(account: str, user: str = "") -> Alternatives:
    """What closing an account, or one member of it, leaves; members inherit an account's MaxSubmitJobs."""
    grp = Trace(action=MODIFY_ASSOCIATIONS, pair=(account, user), setting="grp_submit_jobs", value="0")
    most = Trace(action=MODIFY_ASSOCIATIONS, pair=(account, user), setting="max_submit_jobs", value="0")
    inherited = replace(most, pair=(account, ""))
    return (grp, most, inherited) if user else (grp,)


def traced(findings: Iterable[Finding], transactions: Iterable[Transaction]) -> tuple[Finding, ...]:
    """The findings, each with the last transactions that explain it."""
    newest_first = sorted(transactions, key=lambda one: one.when, reverse=True)
    by_action: dict[str, list[Transaction]] = {}
    for transaction in newest_first:
        by_action.setdefault(transaction.action, []).append(transaction)
    return tuple(replace(one, by=culprits(one.traces, by_action)) for one in findings)


def culprits(
    causes: Iterable[Alternatives], by_action: Mapping[str, Sequence[Transaction]]
) -> tuple[Transaction, ...]:
    """For each cause the newest transaction that left one of its traces; newest first, each once."""
    found: list[Transaction] = []
    for alternatives in causes:
        last = max(
            (t for trace in alternatives if (t := last_of(trace, by_action))),
            key=lambda one: one.when,
            default=None,
        )
        if last is not None and last not in found:
            found.append(last)
    return tuple(sorted(found, key=lambda one: one.when, reverse=True))


def last_of(trace: Trace, by_action: Mapping[str, Sequence[Transaction]]) -> Transaction | None:
    """The newest transaction that left a trace."""
    return next((one for one in by_action.get(trace.action, ()) if trace.is_left_by(one)), None)
