"""Pure builders of argument vectors: never shell text, never a call with an empty name.

Everything that becomes a name has passed `allocations.accounts`; here it is checked once more, because an
empty or odd name makes sacctmgr act on something else than was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from allocations.accounts import ROOT, account_name, described, user_name
from allocations.model import AddUsers, CreateAccount, SetLimits

if TYPE_CHECKING:
    from datetime import datetime

    from allocations.accounts import AccountName
    from allocations.model import Change, Limits

Command: TypeAlias = tuple[str, ...]
"""An argument vector, the program first."""

WRITE = ("sacctmgr", "-i")
"""-i: without it sacctmgr asks, and with no terminal repeats its question for ever."""
UNLIMITED = "-1"
ASSOCIATION_FIELDS = ("cluster", "account", "user", "parentname", "grptresmins")
JOB_FIELDS = ("account", "user", "alloctres", "elapsedraw", "start", "end", "state")
SACCT_TIME = "%Y-%m-%dT%H:%M:%S"


def show_associations() -> Command:
    """One read of the whole cluster: an account's own row has an empty user."""
    return ("sacctmgr", "-nP", "show", "assoc", f"format={','.join(ASSOCIATION_FIELDS)}")


def show_jobs(start: datetime, end: datetime) -> Command:
    """Every job record of all accounts that overlaps [start, end), clipped to it.

    -X no steps, -D every record of a requeued or resized job, -T clip to the window. The times are UTC, so
    the command must run with TZ=UTC and SLURM_TIME_FORMAT=%s.
    """
    bounds = ("-S", start.strftime(SACCT_TIME), "-E", end.strftime(SACCT_TIME))
    return ("sacct", "-XDTanP", "--noconvert", *bounds, f"--format={','.join(JOB_FIELDS)}")


def commands_for(change: Change, default_account: AccountName) -> tuple[Command, ...]:
    """The commands that carry out one change, first to last."""
    match change:
        case CreateAccount(account=account):
            place = (f"name={account_name(account.name)}", f"parent={account.parent or ROOT}")
            text = described(account.description) or account.name
            words = (f"description={text}", "organization=cloudrock")
            limits = limit_option({}, account.grp_tres_mins)
            return ((*WRITE, "add", "account", *place, *words, *limits),)
        case SetLimits(account=name, before=before, after=after):
            where = ("where", f"name={account_name(name)}")
            return ((*WRITE, "modify", "account", *where, "set", *limit_option(before, after)),)
        case AddUsers(account=name, users=users):
            names = ",".join(user_name(user) for user in users)
            where = (f"account={account_name(name)}", f"defaultaccount={default_account}")
            return ((*WRITE, "add", "user", f"name={names}", *where),)
        case _:
            assert_never(change)


def limit_option(before: Limits, after: Limits) -> tuple[str, ...]:
    """`GrpTRESMins=cpu=600,...`; a TRES that loses its limit is written as -1; empty when nothing is set."""
    wanted = {tres: str(minutes) for tres, minutes in after.items()}
    cleared = {tres: UNLIMITED for tres in before if tres not in after}
    pairs = ",".join(f"{tres}={value}" for tres, value in sorted({**wanted, **cleared}.items()))
    return (f"GrpTRESMins={pairs}",) if pairs else ()
