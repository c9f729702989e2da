"""Pure builders of the commands that read: argument vectors, never shell text, never an empty name.

Everything that becomes a name has passed `allocations.accounts`; here it is checked once more, because an
empty or odd name makes sacctmgr act on something else than was meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from allocations.accounts import account_name, user_name
from allocations.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import AccountName, UserName

Command: TypeAlias = tuple[str, ...]
"""An argument vector, the program first."""

ASSOCIATION_FIELDS = (
    "cluster",
    "account",
    "user",
    "parentname",
    "grptresmins",
    "grpsubmitjobs",
    "maxsubmitjobs",
)
ORGANIZATION_FIELDS = ("account", "organization")
USER_FIELDS = ("user", "defaultaccount")
ASSOCIATION_ID_FIELDS = ("id", "account", "user")
TRANSACTION_FIELDS = ("timestamp", "action", "actor", "where", "info")
QUEUE_FORMAT = "%A|%a|%u"
ACTIVE_FIELDS = ("jobidraw", "account", "user")
JOB_FIELDS = ("account", "user", "alloctres", "elapsedraw", "start", "end", "state", "jobidraw")
JOBS_ASKED = ("sacct", "-XDTanP", "--noconvert", f"--format={','.join(JOB_FIELDS)}")
"""The question about jobs without its window: an answer to another one means something else."""
SLURM_TIME = "%Y-%m-%dT%H:%M:%S"
THE_BEGINNING = "1970-01-02T00:00:00"
"""Before any job; SLURM reads the first day of the epoch as no time at all."""


def show_associations() -> Command:
    """One read of the whole cluster: an account's own row has an empty user."""
    return ("sacctmgr", "-nP", "show", "assoc", f"format={','.join(ASSOCIATION_FIELDS)}")


def show_jobs(start: datetime, end: datetime) -> Command:
    """Every job record of all accounts that overlaps [start, end), clipped to it.

    -X no steps, -D every record of a requeued or resized job, -T clip to the window. The times are UTC, so
    the command must run with TZ=UTC and SLURM_TIME_FORMAT=%s.
    """
    bounds = ("-S", start.strftime(SLURM_TIME), "-E", end.strftime(SLURM_TIME))
    *question, fields = JOBS_ASKED
    return (*question, *bounds, fields)


def show_these_jobs(
    job_ids: Collection[str], end: datetime, start: datetime | None = None, *, clipped: bool
) -> Command:
    """Every record of these jobs up to `end`: clipped to it (and to a start), or as they stand now."""
    numbers = ",".join(job_number(job_id) for job_id in job_ids)
    if not numbers:
        raise InvalidName("job id", "", "at least one job: sacct would show all of them")
    since = start.strftime(SLURM_TIME) if start else THE_BEGINNING
    bounds = ("-S", since, "-E", end.strftime(SLURM_TIME))
    flags = "-XDTanP" if clipped else "-XDanP"
    return ("sacct", flags, "--noconvert", "-j", numbers, *bounds, f"--format={','.join(JOB_FIELDS)}")


def job_number(text: str) -> str:
    """A job's id as SLURM prints it, or InvalidName."""
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise InvalidName("job id", text, "digits only")
    return text


def show_organizations() -> Command:
    """Of every account, the organization: it says whether we made it, and whether we are closing it."""
    return ("sacctmgr", "-nP", "show", "account", f"format={','.join(ORGANIZATION_FIELDS)}")


def show_default_accounts() -> Command:
    """Of every user whom slurmdbd knows, the default account."""
    return ("sacctmgr", "-nP", "show", "user", f"format={','.join(USER_FIELDS)}")


def show_children(account: AccountName) -> Command:
    """The accounts directly below one, and their users: nothing where there are none."""
    return ("sacctmgr", "-nP", "show", "assoc", "where", f"parent={account_name(account)}", "format=account")


def show_association_ids() -> Command:
    """Of every association, deleted ones too, the number by which transactions know it."""
    return ("sacctmgr", "-nP", "show", "assoc", "withdeleted", f"format={','.join(ASSOCIATION_ID_FIELDS)}")


def show_transactions(since: datetime) -> Command:
    """Who changed what since then; the time is UTC, as for jobs."""
    bound = f"start={since.strftime(SLURM_TIME)}"
    return ("sacctmgr", "-nP", "show", "transactions", bound, f"format={','.join(TRANSACTION_FIELDS)}")


def show_queue(accounts: Collection[AccountName]) -> Command:
    """The jobs that slurmctld has under some accounts: pending, running, suspended, ending."""
    return ("squeue", "-h", "-a", f"--accounts={listed(accounts)}", "-o", QUEUE_FORMAT)


def show_active_jobs(accounts: Collection[AccountName]) -> Command:
    """The jobs under some accounts that slurmdbd believes to be running: it deletes no account before."""
    which = (f"--accounts={listed(accounts)}", "--state=RUNNING,SUSPENDED")
    return ("sacct", "-nPXa", *which, f"--format={','.join(ACTIVE_FIELDS)}")


def make_home(user: UserName, umask: str) -> Command:
    """A home directory as PAM would make it at the first login; one that is there stays as it is."""
    return ("mkhomedir_helper", user_name(user), umask)


def listed(accounts: Collection[AccountName]) -> str:
    """Accounts as an option takes them; without any, the option would mean everybody's."""
    if not accounts:
        raise InvalidName("list of accounts", "", "one account at least")
    return ",".join(account_name(account) for account in sorted(accounts))
