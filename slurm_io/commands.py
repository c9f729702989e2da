"""Pure builders of the commands that read: argument vectors, never shell text, never an empty name.

Everything that becomes a name has passed `allocations.accounts`; here it is checked once more, because an
empty or odd name makes sacctmgr act on something else than was meant.

slurmdbd may keep several clusters: every question names the one that it is about (docs/decisions/0070).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from allocations.accounts import account_name, cluster_name, user_name
from allocations.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allocations.accounts import AccountName, ClusterName, UserName

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
USER_FIELDS = ("user", "account")
ASSOCIATION_ID_FIELDS = ("id", "account", "user")
TRANSACTION_FIELDS = ("timestamp", "action", "actor", "cluster", "where", "info")
QUEUE_FORMAT = "%A|%a|%u"
ACTIVE_FIELDS = ("jobidraw", "account", "user")
JOB_FIELDS = ("account", "user", "alloctres", "elapsedraw", "start", "end", "state", "jobidraw")
LIFE_FIELDS = (*JOB_FIELDS, "suspended")
LIVES_ASKED = ("sacct", "-XDanP", "--noconvert", f"--format={','.join(LIFE_FIELDS)}")
"""The question about jobs without its cluster and window: an answer to another one means something else."""
SLURM_TIME = "%Y-%m-%dT%H:%M:%S"
THE_BEGINNING = "1970-01-02T00:00:00"
"""Before any job; SLURM reads the first day of the epoch as no time at all."""


def show_associations(cluster: ClusterName | None = None) -> Command:
    """One read of the whole cluster, or without one of all; an account's own row has an empty user."""
    which = of_clusters(cluster)
    return ("sacctmgr", "-nP", "show", "assoc", *which, f"format={','.join(ASSOCIATION_FIELDS)}")


def of_cluster(cluster: ClusterName) -> str:
    """What confines a command of sacctmgr or a report of sreport to one cluster."""
    return f"cluster={cluster_name(cluster)}"


def of_clusters(cluster: ClusterName | None) -> tuple[str, ...]:
    """The same where there may be none: sacctmgr then means all of them, sreport the one of slurm.conf."""
    return (of_cluster(cluster),) if cluster is not None else ()


def on_clusters(cluster: ClusterName | None) -> tuple[str, ...]:
    """The same for sacct, squeue and scancel, which without one mean that of slurm.conf.

    With one, squeue and scancel ask slurmdbd where its slurmctld is.
    """
    return (f"--clusters={cluster_name(cluster)}",) if cluster is not None else ()


def show_lives(start: datetime, end: datetime, cluster: ClusterName | None = None) -> Command:
    """Every job record of all accounts that overlaps [start, end), as it stands now.

    -X no steps, -D every record of a requeued or resized job. The times are UTC, so the command must run with
    TZ=UTC and SLURM_TIME_FORMAT=%s. Not -T, which would clip: slurmdbd then asks its database about the
    suspensions of each job, whether or not it ever had one (as_mysql_jobacct_process.c).
    """
    *question, fields = LIVES_ASKED
    return (*question, *on_clusters(cluster), *within(start, end), fields)


def within(start: datetime | None, end: datetime) -> tuple[str, ...]:
    """The window of a question to sacct; without a start it begins before any job."""
    since = start.strftime(SLURM_TIME) if start else THE_BEGINNING
    return ("-S", since, "-E", end.strftime(SLURM_TIME))


def show_jobs(start: datetime, end: datetime, cluster: ClusterName | None = None) -> Command:
    """Every job record of all accounts that overlaps [start, end), clipped to it (-T): exact, and dear."""
    fields = f"--format={','.join(JOB_FIELDS)}"
    return ("sacct", "-XDTanP", "--noconvert", *on_clusters(cluster), *within(start, end), fields)


def show_these_jobs(
    cluster: ClusterName,
    job_ids: Collection[str],
    end: datetime,
    start: datetime | None = None,
    *,
    clipped: bool,
) -> Command:
    """Every record of these jobs up to `end`: clipped to it (and to a start), or as they stand now."""
    numbers = ",".join(job_number(job_id) for job_id in job_ids)
    if not numbers:
        raise InvalidName("job id", "", "at least one job: sacct would show all of them")
    flags = "-XDTanP" if clipped else "-XDanP"
    which = (*on_clusters(cluster), "-j", numbers)
    return ("sacct", flags, "--noconvert", *which, *within(start, end), f"--format={','.join(JOB_FIELDS)}")


def job_number(text: str) -> str:
    """A job's id as SLURM prints it, or InvalidName."""
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise InvalidName("job id", text, "digits only")
    return text


def show_organizations() -> Command:
    """Of every account, the organization: it says whether we made it, and whether we are closing it.

    That is a record of the account, which all clusters share; associations say whether it is on one.
    """
    return ("sacctmgr", "-nP", "show", "account", f"format={','.join(ORGANIZATION_FIELDS)}")


def show_default_accounts(cluster: ClusterName | None = None) -> Command:
    """Of every user who has one, the default account: everybody has one for each cluster.

    `show user` would tell that of the cluster which the headnode's slurm.conf names.
    """
    which = (*of_clusters(cluster), "onlydefaults")
    return ("sacctmgr", "-nP", "show", "assoc", *which, f"format={','.join(USER_FIELDS)}")


def show_children(cluster: ClusterName, account: AccountName) -> Command:
    """The accounts directly below one, and their users: nothing where there are none."""
    which = ("where", f"parent={account_name(account)}", of_cluster(cluster))
    return ("sacctmgr", "-nP", "show", "assoc", *which, "format=account")


def show_association_ids(cluster: ClusterName) -> Command:
    """Of every association, deleted ones too, the number by which the cluster's transactions know it."""
    which = (of_cluster(cluster), "withdeleted")
    return ("sacctmgr", "-nP", "show", "assoc", *which, f"format={','.join(ASSOCIATION_ID_FIELDS)}")


def show_transactions(since: datetime) -> Command:
    """Who changed what since then, on all clusters; the time is UTC, as for jobs.

    What is done to an account's or a user's record belongs to no cluster: a question about one would hide it.
    """
    bound = f"start={since.strftime(SLURM_TIME)}"
    return ("sacctmgr", "-nP", "show", "transactions", bound, f"format={','.join(TRANSACTION_FIELDS)}")


def show_queue(elsewhere: ClusterName | None, accounts: Collection[AccountName]) -> Command:
    """The jobs that slurmctld has under some accounts: pending, running, suspended, ending.

    `elsewhere`: the cluster, when its slurmctld may not be the one that the headnode's slurm.conf names.
    """
    which = (*on_clusters(elsewhere), f"--accounts={listed(accounts)}")
    return ("squeue", "-h", "-a", *which, "-o", QUEUE_FORMAT)


def show_active_jobs(cluster: ClusterName, accounts: Collection[AccountName]) -> Command:
    """The jobs under some accounts that slurmdbd believes to be running: it deletes no account before."""
    which = (*on_clusters(cluster), f"--accounts={listed(accounts)}", "--state=RUNNING,SUSPENDED")
    return ("sacct", "-nPXa", *which, f"--format={','.join(ACTIVE_FIELDS)}")


def make_home(user: UserName, umask: str) -> Command:
    """A home directory as PAM would make it at the first login; one that is there stays as it is."""
    return ("mkhomedir_helper", user_name(user), umask)


def listed(accounts: Collection[AccountName]) -> str:
    """Accounts as an option takes them; without any, the option would mean everybody's."""
    if not accounts:
        raise InvalidName("list of accounts", "", "one account at least")
    return ",".join(account_name(account) for account in sorted(accounts))
