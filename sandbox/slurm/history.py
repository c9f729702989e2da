"""Past jobs, written straight into slurmdbd's database, and slurmdbd's own sums read back."""

from __future__ import annotations

import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.slurm.config import NODES, PARTITION
from sandbox.slurm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

Sql = Callable[[str], list[list[str]]]

STATES = {
    "COMPLETED": 3,
    "CANCELLED": 4,
    "FAILED": 5,
    "TIMEOUT": 6,
    "NODE_FAIL": 7,
    "PREEMPTED": 8,
    "BOOT_FAIL": 9,
    "DEADLINE": 10,
    "OUT_OF_MEMORY": 11,
}
REQUEUED = 0x400  # SLURM's JOB_REQUEUE flag: what slurmdbd keeps for a run that was put back into the queue
STATES["REQUEUED"] = REQUEUED
FIRST_ID = 10_000_000  # jobs that the cluster runs itself count from 1
LAST_ID = 0x03FFFFFF
FIRST_UID = 2_000_000_000  # for users that are no OS users here; sacct takes their names from the association
NO_VALUE = 4294967294
FLAGS = 16  # slurmdbd heard of the start; without it sacct prints Unknown instead of None
TEXT = re.compile(r"[^\t\n\\]*")
NAME = re.compile(r"[A-Za-z0-9_.-]+")
LOAD = f"""
    LOAD DATA INFILE '{{path}}' INTO TABLE sandbox_job_table CHARACTER SET utf8mb4 (
        account, cpus_req, job_name, id_assoc, id_job, id_user, mem_req, nodelist, nodes_alloc, node_inx,
        state, time_submit, time_start, time_end, time_suspended, tres_alloc)
    SET time_eligible = time_submit, tres_req = tres_alloc, `partition` = '{PARTITION}', flags = {FLAGS},
        id_qos = 1, priority = 1, id_array_task = {NO_VALUE}, het_job_offset = {NO_VALUE},
        id_group = 0, id_resv = 0, id_wckey = 0, het_job_id = 0, state_reason_prev = 0"""


@dataclass(frozen=True)
class PastJob:
    """One row of accounting: what a user held, from start until end. Without a start it never ran.

    `tres` is the whole job's allocation in SLURM's names and units: cpu, mem (MiB), node, gres/gpu, ...
    Several runs of one job (requeued) share a `job_id` and differ in `submit`.
    """

    account: str
    user: str
    start: datetime | None
    end: datetime
    tres: Mapping[str, int] = field(default_factory=dict)
    state: str = "COMPLETED"
    submit: datetime | None = None
    job_id: int | None = None
    suspended_seconds: int = 0
    name: str = "past"

    def __str__(self) -> str:
        return f"past job of {self.user} on {self.account} ending {self.end.isoformat()}"


@dataclass(frozen=True)
class _Keys:
    """The database's numbers for names."""

    associations: Mapping[tuple[str, str], int]
    tres: Mapping[str, int]
    uids: dict[str, int]


def slurm_time(moment: datetime) -> str:
    """The local time that SLURM's commands take."""
    _epoch(moment)
    return moment.astimezone().strftime("%Y-%m-%dT%H:%M:%S")


def insert(jobs: Iterable[PastJob], sql: Sql, folder: Path) -> int:
    """Write the rows to a file and let the database load it: a million take one to two minutes."""
    keys = _Keys(_associations(sql), _tres(sql), {})
    next_id = max(FIRST_ID, int(sql("SELECT COALESCE(MAX(id_job), 0) FROM sandbox_job_table")[0][0]) + 1)
    path = folder / "past-jobs.tsv"
    count = 0
    try:
        with path.open("w", encoding="utf-8", newline="\n") as rows:
            for job in jobs:
                rows.write(_row(job, next_id + count, keys))
                count += 1
        sql(LOAD.format(path=path))
        sql("ANALYZE TABLE sandbox_job_table")  # or the rollup reads it with yesterday's idea of its size
    finally:
        path.unlink(missing_ok=True)
    return count


def _row(job: PastJob, own_id: int, keys: _Keys) -> str:
    association = keys.associations.get((job.account, job.user))
    if association is None:
        raise SandboxError(f"{job}: SLURM has no such association: add the account and the user to it first")
    if job.state not in STATES:
        raise SandboxError(
            f"{job}: {job.state} is not a state of an ended job: use one of {', '.join(STATES)}"
        )
    submit, start, end = _times(job)
    job_id = job.job_id if job.job_id is not None else own_id
    if not 0 < job_id <= LAST_ID:
        raise SandboxError(f"{job}: job id {job_id} is not in 1-{LAST_ID}")
    if not TEXT.fullmatch(job.name):
        raise SandboxError(
            f"{job}: the name {job.name!r} has a tab, a newline or a backslash: leave them out"
        )
    tres = _tres_text(job, keys.tres)
    nodes = job.tres.get("node", 1 if tres else 0)
    uid = keys.uids.get(job.user)
    if uid is None:
        uid = keys.uids[job.user] = _uid(job.user, association)
    nodelist = "\t".join(map(str, _nodes(nodes)))
    return (
        f"{job.account}\t{job.tres.get('cpu', 1)}\t{job.name}\t{association}\t{job_id}\t{uid}\t"
        f"{job.tres.get('mem', 0)}\t{nodelist}\t"
        f"{STATES[job.state]}\t{submit}\t{start}\t{end}\t{job.suspended_seconds}\t{tres}\n"
    )


def _times(job: PastJob) -> tuple[int, int, int]:
    """Submit, start (0 when it never started, as slurmdbd keeps it) and end."""
    end = _epoch(job.end)
    start = _epoch(job.start) if job.start else end
    submit = _epoch(job.submit) if job.submit else start
    if not submit <= start <= end:
        raise SandboxError(f"{job}: submit, start and end are not in this order")
    if not 0 <= job.suspended_seconds <= end - start:
        raise SandboxError(f"{job}: {job.suspended_seconds} s suspended is not within its {end - start} s")
    return submit, start if job.start else 0, end


def _epoch(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise SandboxError(f"the time {moment.isoformat()} has no time zone: give an aware datetime")
    return int(moment.timestamp())


def _tres_text(job: PastJob, known: Mapping[str, int]) -> str:
    unknown = sorted(set(job.tres) - set(known))
    if unknown:
        raise SandboxError(f"{job}: TRES {', '.join(unknown)} unknown here: use some of {', '.join(known)}")
    return ",".join(f"{known[name]}={amount}" for name, amount in job.tres.items())


def _nodes(count: int) -> tuple[str, int, str]:
    """Node list, number and indices as slurmctld writes them."""
    if count == 0:
        return "None assigned", 0, r"\N"
    return (NODES[0], 1, "0") if count == 1 else (f"n[1-{len(NODES)}]", count, f"0-{len(NODES) - 1}")


def _uid(user: str, association: int) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return FIRST_UID + association


def _associations(sql: Sql) -> dict[tuple[str, str], int]:
    """One per account and user; where partitions have their own, the one for all partitions counts."""
    query = (
        "SELECT acct, user, id_assoc FROM sandbox_assoc_table "
        "WHERE deleted = 0 AND user <> '' ORDER BY `partition` DESC"
    )
    return {(account, user): int(number) for account, user, number in sql(query)}


def _tres(sql: Sql) -> dict[str, int]:
    rows = sql("SELECT id, type, name FROM tres_table WHERE deleted = 0")
    return {f"{kind}/{name}" if name else kind: int(number) for number, kind, name in rows}


def usage_from_rollup(account: str, start: datetime, end: datetime, sql: Sql) -> dict[tuple[str, str], int]:
    """What the hourly rollup holds for the users of an account, its sub-accounts not included."""
    if not NAME.fullmatch(account):
        raise SandboxError(f"{account!r} cannot be an account: use letters, digits, dot, dash and underscore")
    query = f"""
        SELECT a.user, t.type, t.name, SUM(u.alloc_secs)
        FROM sandbox_assoc_usage_hour_table u
        JOIN sandbox_assoc_table a ON a.id_assoc = u.id
        JOIN tres_table t ON t.id = u.id_tres
        WHERE a.acct = '{account}' AND a.user <> '' AND u.deleted = 0
        AND u.time_start >= {_epoch(start)} AND u.time_start < {_epoch(end)}
        GROUP BY a.user, t.type, t.name"""  # noqa: S608 (the account is checked, the rest are numbers)
    return {
        (user, f"{kind}/{name}" if name else kind): int(seconds) for user, kind, name, seconds in sql(query)
    }
