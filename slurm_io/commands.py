"""Pure builders of argument vectors: never shell text, never a call with an empty name.

Everything that becomes a name has passed `allocations.accounts`; here it is checked once more, because an
empty or odd name makes sacctmgr act on something else than was meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias, assert_never

from allocations.accounts import ROOT, account_name, described, user_name
from allocations.components import LEGAL_TYPE, TYPE_RULE
from allocations.errors import InvalidName
from allocations.model import AddUsers, CreateAccount, SetLimits

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import AccountName, UserName
    from allocations.model import Account, Change, Limits

Command: TypeAlias = tuple[str, ...]
"""An argument vector, the program first."""

WRITE = ("sacctmgr", "-i")
"""-i: without it sacctmgr asks, and with no terminal repeats its question for ever."""
UNLIMITED = "-1"
ASSOCIATION_FIELDS = ("cluster", "account", "user", "parentname", "grptresmins")
JOB_FIELDS = ("account", "user", "alloctres", "elapsedraw", "start", "end", "state", "jobidraw")
JOBS_ASKED = ("sacct", "-XDTanP", "--noconvert", f"--format={','.join(JOB_FIELDS)}")
"""The question about jobs without its window: an answer to another one means something else."""
SACCT_TIME = "%Y-%m-%dT%H:%M:%S"
THE_BEGINNING = "1970-01-02T00:00:00"
"""Before any job; SLURM reads the first day of the epoch as no time at all."""
CLUSTER_FIELDS = ("cluster",)
BOOK_FIELDS = ("cluster", "account", "login", "tresname", "used")
CLUSTER_BOOK_FIELDS = ("cluster", "tresname", "reported")
RESERVATION_FIELDS = ("cluster", "name", "associations", "start", "end", "tres", "unusedwall")
ASSOCIATION_ID_FIELDS = ("id", "account")


def show_associations() -> Command:
    """One read of the whole cluster: an account's own row has an empty user."""
    return ("sacctmgr", "-nP", "show", "assoc", f"format={','.join(ASSOCIATION_FIELDS)}")


def show_jobs(start: datetime, end: datetime) -> Command:
    """Every job record of all accounts that overlaps [start, end), clipped to it.

    -X no steps, -D every record of a requeued or resized job, -T clip to the window. The times are UTC, so
    the command must run with TZ=UTC and SLURM_TIME_FORMAT=%s.
    """
    bounds = ("-S", start.strftime(SACCT_TIME), "-E", end.strftime(SACCT_TIME))
    *question, fields = JOBS_ASKED
    return (*question, *bounds, fields)


def show_these_jobs(
    job_ids: Collection[str], end: datetime, start: datetime | None = None, *, clipped: bool
) -> Command:
    """Every record of these jobs up to `end`: clipped to it (and to a start), or as they stand now."""
    numbers = ",".join(job_number(job_id) for job_id in job_ids)
    if not numbers:
        raise InvalidName("job id", "", "at least one job: sacct would show all of them")
    since = start.strftime(SACCT_TIME) if start else THE_BEGINNING
    bounds = ("-S", since, "-E", end.strftime(SACCT_TIME))
    flags = "-XDTanP" if clipped else "-XDanP"
    return ("sacct", flags, "--noconvert", "-j", numbers, *bounds, f"--format={','.join(JOB_FIELDS)}")


def show_clusters() -> Command:
    """The clusters that slurmdbd knows."""
    return ("sacctmgr", "-nP", "show", "cluster", f"format={','.join(CLUSTER_FIELDS)}")


def show_account_usage(start: datetime, end: datetime, tres: Collection[str]) -> Command:
    """What slurmdbd itself has summed up of whole hours: a row per account (with all below it) and user."""
    fields = f"format={','.join(BOOK_FIELDS)}"
    return (*sreport(tres), "cluster", "AccountUtilizationByUser", *whole_hours(start, end), fields)


def show_cluster_usage(start: datetime, end: datetime) -> Command:
    """What slurmdbd has summed up for the whole cluster: no row for hours that are not summed up yet."""
    fields = f"format={','.join(CLUSTER_BOOK_FIELDS)}"
    return (*sreport(["cpu"]), "cluster", "Utilization", *whole_hours(start, end), fields)


def show_reservations(start: datetime, end: datetime) -> Command:
    """The reservations that overlap the time."""
    fields = f"format={','.join(RESERVATION_FIELDS)}"
    return ("sacctmgr", "-nP", "show", "reservation", *whole_hours(start, end), fields)


def show_association_ids() -> Command:
    """The numbers of all associations, which is how a reservation names who may use it."""
    return ("sacctmgr", "-nP", "show", "assoc", f"format={','.join(ASSOCIATION_ID_FIELDS)}")


def sreport(tres: Collection[str]) -> Command:
    """The program with its unit and the TRES; all of them when none is named would be a surprise."""
    names = ",".join(tres_name(name) for name in tres)
    if not names:
        raise InvalidName("TRES", "", "at least one TRES: sreport would show cpu alone")
    return ("sreport", "-nP", "-t", "seconds", "-T", names)


def whole_hours(start: datetime, end: datetime) -> tuple[str, str]:
    """The two bounds; sreport would cut them to whole hours without a word."""
    for moment in (start, end):
        if moment.minute or moment.second or moment.microsecond:
            raise ValueError(f"{moment.isoformat()} is no whole hour")
    return f"start={start.strftime(SACCT_TIME)}", f"end={end.strftime(SACCT_TIME)}"


def job_number(text: str) -> str:
    """A job's id as SLURM prints it, or InvalidName."""
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise InvalidName("job id", text, "digits only")
    return text


def commands_for(
    change: Change, default_account: AccountName, known: Collection[UserName] = ()
) -> tuple[Command, ...]:
    """The commands that carry out one change, first to last; none for a change of nothing.

    Args:
        change: what to do.
        default_account: the default account of users who are new to the cluster.
        known: users who are on the cluster already: their default account is theirs, and stays.

    Raises:
        InvalidName: for anything that sacctmgr would not read as exactly the name it stands for.
    """
    match change:
        case CreateAccount(account=account):
            return (add_account(account),)
        case SetLimits(account=name, before=before, after=after):
            limits = limit_option(before, after)
            where = ("where", f"name={account_name(name)}")
            return ((*WRITE, "modify", "account", *where, "set", *limits),) if limits else ()
        case AddUsers(account=name, users=users):
            newcomers = tuple(user for user in users if user not in known)
            others = tuple(user for user in users if user in known)
            default = f"defaultaccount={account_name(default_account)}"
            return (*add_users(name, newcomers, default), *add_users(name, others))
        case _:
            assert_never(change)


def add_users(account: AccountName, users: Collection[UserName], *options: str) -> tuple[Command, ...]:
    """One call for all of them; none without any."""
    names = ",".join(user_name(user) for user in users)
    where = (f"name={names}", f"account={account_name(account)}")
    return ((*WRITE, "add", "user", *where, *options),) if users else ()


def add_account(account: Account) -> Command:
    """The account below its parent, with its limits from the first moment on."""
    parent = ROOT if account.parent in (None, ROOT) else account_name(account.parent)
    place = (f"name={account_name(account.name)}", f"parent={parent}")
    text = described(account.description) or account.name
    words = (f"description={text}", "organization=cloudrock")
    return (*WRITE, "add", "account", *place, *words, *limit_option({}, account.grp_tres_mins))


def limit_option(before: Limits, after: Limits) -> tuple[str, ...]:
    """`GrpTRESMins=cpu=600,...`; a TRES that loses its limit is written as -1; empty when nothing is set."""
    wanted = {tres: minutes_word(tres, minutes) for tres, minutes in after.items()}
    cleared = {tres: UNLIMITED for tres in before if tres not in after}
    pairs = ",".join(f"{tres_name(tres)}={value}" for tres, value in sorted({**wanted, **cleared}.items()))
    return (f"GrpTRESMins={pairs}",) if pairs else ()


def tres_name(text: str) -> str:
    """A TRES as it stands in an option, or InvalidName."""
    if not LEGAL_TYPE.fullmatch(text):
        raise InvalidName("TRES", text, TYPE_RULE)
    return text


def minutes_word(tres: str, minutes: int) -> str:
    """A limit's number; one below zero would lift the limit."""
    if minutes < 0:
        raise InvalidName(f"limit of {tres}", str(minutes), "0 or more")
    return str(minutes)
