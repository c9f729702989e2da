"""Pure parsers of what sacctmgr and squeue say of accounts, users and who is at work: strict."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from allocations.accounts import AccountName, ClusterName, UserName, cluster_name
from allocations.limits import as_stored
from allocations.model import Account, Association, ClusterState
from slurm_io.changing import DRAINING, ORGANIZATION
from slurm_io.commands import ACTIVE_FIELDS, ASSOCIATION_FIELDS, ORGANIZATION_FIELDS, USER_FIELDS
from slurm_io.errors import UnexpectedSlurmOutput
from slurm_io.parsing import lines_of, parse_count, tres_pairs

JOBS = re.compile(r"[0-9]*", re.ASCII)
"""A submit limit; empty where there is none."""
JOB_ID = re.compile(r"[0-9]+", re.ASCII)
ASSOCIATIONS = "sacctmgr show assoc"
NONE_AT_ALL = "0"
"""GrpSubmitJobs or MaxSubmitJobs of 0: nothing may be submitted. MaxSubmitJobs shows inherited values too."""


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """A job that is pending, running or ending."""

    job_id: str
    account: AccountName
    user: UserName


@dataclass(slots=True)
class Rows:
    """What the association rows add up to."""

    accounts: dict[AccountName, Account] = field(default_factory=dict)
    open_pairs: set[Association] = field(default_factory=set)
    closed_pairs: set[Association] = field(default_factory=set)
    usable_pairs: set[Association] = field(default_factory=set)

    def add(self, line: list[str], what: str) -> None:
        """One row: an account's own, or a user's."""
        _, name, user, parent, limits, group_jobs, user_jobs = line
        if not name:
            raise UnexpectedSlurmOutput(what, "|".join(line), "an account in every row")
        if not (JOBS.fullmatch(group_jobs) and JOBS.fullmatch(user_jobs)):
            raise UnexpectedSlurmOutput(
                what, "|".join(line), "a number of jobs, or nothing, as submit limits"
            )
        if user:
            pair = Association(AccountName(name), UserName(user))
            closed = group_jobs == user_jobs == NONE_AT_ALL
            (self.closed_pairs if closed else self.open_pairs).add(pair)
            if NONE_AT_ALL not in (group_jobs, user_jobs):
                self.usable_pairs.add(pair)
            return
        self.accounts[AccountName(name)] = Account(
            AccountName(name),
            AccountName(parent) if parent else None,
            parse_limits(limits, what),
            closed=group_jobs == NONE_AT_ALL,
        )


def clusters_of(text: str) -> tuple[ClusterName, ...]:
    """The clusters whose associations `sacctmgr show assoc` printed; at least one."""
    names = {line[0] for line in lines_of(text, ASSOCIATION_FIELDS, ASSOCIATIONS)}
    if not names or "" in names:
        found = text.partition("\n")[0]
        raise UnexpectedSlurmOutput(
            ASSOCIATIONS, found, "associations of a cluster, in every row (is it registered?)"
        )
    return tuple(map(cluster_name, sorted(names)))


def parse_associations(text: str, cluster: ClusterName) -> ClusterState:
    """One cluster as `sacctmgr show assoc` describes it; rows of others are passed over.

    A user may have several rows for one account (one per partition): they are one association here, closed
    when all of them are. Both submit limits at 0 say that we closed it (`changing.submit_limits`).
    """
    what = ASSOCIATIONS
    rows = Rows()
    for line in lines_of(text, ASSOCIATION_FIELDS, what):
        if line[0] == cluster:
            rows.add(line, what)
    if "root" not in rows.accounts:
        raise UnexpectedSlurmOutput(
            what, text.partition("\n")[0], "the account root among the rows (is the cluster registered?)"
        )
    associations = frozenset(rows.open_pairs | rows.closed_pairs)
    return ClusterState(
        rows.accounts,
        associations,
        closed=frozenset(rows.closed_pairs - rows.open_pairs),
        barred=frozenset(rows.open_pairs - rows.usable_pairs),
        cluster=cluster,
    )


def parse_limits(text: str, what: str) -> dict[str, int]:
    """GrpTRESMins: minutes as near to the stored ones as sacctmgr shows them (`allocations.limits`)."""
    minutes = {}
    for tres, value in tres_pairs(text, what).items():
        nearest = int(parse_count(tres, value, what).to_integral_value())
        minutes[tres] = as_stored(tres, value, nearest)
    return minutes


def with_organizations(state: ClusterState, text: str) -> ClusterState:
    """The state with `sacctmgr show account` told of each account: ours or not, about to go or not.

    slurmdbd keeps accounts for all its clusters: those without an association here are not of this state, and
    one that is marked as about to go, but not closed here, goes elsewhere.
    """
    organizations = pairs_of(text, ORGANIZATION_FIELDS, "sacctmgr show account")
    told = {
        name: replace(
            account,
            ours=organizations.get(name) in (ORGANIZATION, DRAINING),
            draining=organizations.get(name) == DRAINING and account.closed,
        )
        for name, account in state.accounts.items()
    }
    return replace(state, accounts=told)


def with_default_accounts(state: ClusterState, text: str) -> ClusterState:
    """The state with `sacctmgr show assoc onlydefaults` told of every user's default account there.

    There is none of a user who lost it: then he is without, and not known at all without associations.
    """
    defaults = pairs_of(text, USER_FIELDS, "sacctmgr show assoc onlydefaults")
    told = {UserName(user): AccountName(name) for user, name in defaults.items() if name}
    return replace(state, default_accounts=told)


def pairs_of(text: str, fields: tuple[str, ...], what: str) -> dict[str, str]:
    """Name to value, each name once."""
    found: dict[str, str] = {}
    for name, value in lines_of(text, fields, what):
        if not name or found.get(name, value) != value:
            raise UnexpectedSlurmOutput(what, f"{name}|{value}", "a name in every row, and each once")
        found[name] = value
    return found


def parse_active(text: str, what: str) -> tuple[ActiveJob, ...]:
    """The jobs of `squeue` or of `sacct`, as both are asked for: id, account, user."""
    jobs = []
    for job_id, account, user in lines_of(text, ACTIVE_FIELDS, what):
        if not (JOB_ID.fullmatch(job_id) and account and user):
            found = f"{job_id}|{account}|{user}"
            raise UnexpectedSlurmOutput(what, found, "a job's number, account and user in every row")
        jobs.append(ActiveJob(job_id, AccountName(account), UserName(user)))
    return tuple(jobs)
