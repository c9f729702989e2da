"""Past jobs, written straight into slurmdbd's database, and slurmdbd's own sums read back."""

from __future__ import annotations

import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.slurm.config import CLUSTER, NODES, PARTITION
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
OPEN_STATES = {"RUNNING": 1, "SUSPENDED": 2}
"""States of a job without an end."""
STATES["REQUEUED"] = 0x400  # SLURM's JOB_REQUEUE flag: a run that went back to the queue
STATES["RESIZING"] = 0x2000  # JOB_RESIZING: a record that ends where the job got another size
FIRST_ID = 10_000_000  # jobs that the cluster runs itself count from 1
LAST_ID = 0x03FFFFFF
FIRST_UID = 2_000_000_000  # for users that are no OS users here; sacct takes their names from the association
NO_VALUE = 4294967294
FLAGS = 16  # slurmdbd heard of the start; without it sacct prints Unknown instead of None
TEXT = re.compile(r"[^\t\n\\]*")
NAME = re.compile(r"[A-Za-z0-9_.-]+")
LOAD = f"""
    LOAD DATA INFILE '{{path}}' INTO TABLE {{cluster}}_job_table CHARACTER SET utf8mb4 (
        account, cpus_req, job_name, id_assoc, id_job, id_user, mem_req, nodelist, nodes_alloc, node_inx,
        state, time_submit, time_start, time_end, time_suspended, tres_alloc,
        id_array_job, id_array_task, het_job_id, het_job_offset)
    SET time_eligible = time_submit, tres_req = tres_alloc, `partition` = '{PARTITION}', flags = {FLAGS},
        id_qos = 1, priority = 1, id_group = 0, id_resv = 0, id_wckey = 0, state_reason_prev = 0"""
REPEATED = (
    "account, cpus_req, job_name, id_assoc, id_user, mem_req, nodelist, nodes_alloc, node_inx, state, "
    "tres_alloc, tres_req, `partition`, flags, id_qos, priority, id_group, id_resv, id_wckey, "
    "state_reason_prev, id_array_job, id_array_task, het_job_id, het_job_offset, time_suspended"
)
REPEAT = """
    INSERT INTO sandbox_job_table ({columns}, id_job, time_submit, time_eligible, time_start, time_end)
    SELECT {columns}, id_job + {ids}, time_submit + {later}, time_eligible + {later}, time_start + {later},
        time_end + {later}
    FROM sandbox_job_table
    WHERE id_job >= {first} AND id_job < {first} + {count} AND time_end + {later} <= {until}"""
SUSPEND = """
    INSERT INTO {cluster}_suspend_table (job_db_inx, id_assoc, time_start, time_end)
    SELECT job_db_inx, id_assoc, {start}, {end} FROM {cluster}_job_table
    WHERE id_job = {job_id} AND time_submit = {submit} AND time_start = {begin}"""


@dataclass(frozen=True)
class PastJob:
    """One row of accounting: what a user held, from start until end.

    Without a start it never ran; without an end it still does, or is suspended. `tres` is the whole job's
    allocation in SLURM's names and units: cpu, mem (MiB), node, gres/gpu, ... Several records of one job
    (requeued, resized) share a `job_id` and differ in `submit`. An empty account or user has no association.
    `array` is (job, task), `het` is (leader's job, offset). A suspension without an end is still open.
    """

    account: str
    user: str
    start: datetime | None
    end: datetime | None
    tres: Mapping[str, int] = field(default_factory=dict)
    state: str = "COMPLETED"
    submit: datetime | None = None
    job_id: int | None = None
    suspensions: tuple[tuple[datetime, datetime | None], ...] = ()
    array: tuple[int, int] | None = None
    het: tuple[int, int] | None = None
    name: str = "past"

    def __str__(self) -> str:
        ending = f"ending {self.end.isoformat()}" if self.end else "without an end"
        return f"past job of {self.user} on {self.account} {ending}"


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


def insert(jobs: Iterable[PastJob], sql: Sql, folder: Path, cluster: str = CLUSTER) -> int:
    """Write the rows to a file and let the database load it: a million take one to two minutes."""
    keys = _Keys(_associations(sql, cluster), _tres(sql), {})
    next_id = max(FIRST_ID, int(sql(f"SELECT COALESCE(MAX(id_job), 0) FROM {cluster}_job_table")[0][0]) + 1)  # noqa: S608 (our own name)
    path = folder / "past-jobs.tsv"
    count = 0
    suspensions: list[str] = []
    try:
        with path.open("w", encoding="utf-8", newline="\n") as rows:
            for job in jobs:
                rows.write(_row(job, next_id + count, keys))
                suspensions += _suspensions(job, next_id + count, cluster)
                count += 1
        sql(LOAD.format(path=path, cluster=cluster))
        for statement in suspensions:
            sql(statement)
        sql(f"ANALYZE TABLE {cluster}_job_table")  # or the rollup reads it with yesterday's idea of its size
    finally:
        path.unlink(missing_ok=True)
    return count


def repeat_daily(count: int, days: int, until: datetime, sql: Sql) -> int:
    """The last `count` past jobs again on each of the following days, those that end by `until`; all jobs.

    Their ids follow on. Millions take minutes less than one by one.
    """
    first = int(sql("SELECT MAX(id_job) FROM sandbox_job_table")[0][0]) + 1 - count
    for day in range(1, days + 1):
        facts = {"columns": REPEATED, "ids": day * count, "later": day * 86400, "until": _epoch(until)}
        sql(REPEAT.format(first=first, count=count, **facts))
    sql("ANALYZE TABLE sandbox_job_table")
    return int(sql(f"SELECT COUNT(*) FROM sandbox_job_table WHERE id_job >= {first}")[0][0])  # noqa: S608 (a number)


def _row(job: PastJob, own_id: int, keys: _Keys) -> str:
    association = keys.associations.get((job.account, job.user)) if job.account and job.user else 0
    if association is None:
        raise SandboxError(f"{job}: SLURM has no such association: add the account and the user to it first")
    states = STATES if job.end else OPEN_STATES
    if job.state not in states:
        raise SandboxError(f"{job}: {job.state} is not a state of such a job: use one of {', '.join(states)}")
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
    array_job, array_task = job.array or (0, NO_VALUE)
    het_job, het_offset = job.het or (0, NO_VALUE)
    return (
        f"{job.account}\t{job.tres.get('cpu', 1)}\t{job.name}\t{association}\t{job_id}\t{uid}\t"
        f"{job.tres.get('mem', 0)}\t{nodelist}\t"
        f"{states[job.state]}\t{submit}\t{start}\t{end}\t{_time_suspended(job)}\t{tres}\t"
        f"{array_job}\t{array_task}\t{het_job}\t{het_offset}\n"
    )


def _times(job: PastJob) -> tuple[int, int, int]:
    """Submit, start (0 when it never started) and end (0 when it has not ended), as slurmdbd keeps them."""
    if not job.start and not job.end:
        raise SandboxError(f"{job}: give a start, or an end, or both")
    end = _epoch(job.end) if job.end else 0
    start = _epoch(job.start) if job.start else end
    submit = _epoch(job.submit) if job.submit else start
    # after a resize slurmdbd writes the job's own start, and the moment of the resize as the submission
    if job.end and not max(submit, start) <= end:
        raise SandboxError(f"{job}: submit, start and end are not in this order")
    bounds = [moment for pair in job.suspensions for moment in pair]
    if None in bounds[:-1] or (None in bounds) != (job.state == "SUSPENDED"):
        raise SandboxError(f"{job}: the last suspension of a suspended job, and no other, has no end")
    moments = [start, *(_epoch(moment) for moment in bounds if moment), *([end] if job.end else [])]
    if moments != sorted(moments):
        raise SandboxError(f"{job}: its suspensions are not within it, one after the other")
    return submit, start if job.start else 0, end


def _time_suspended(job: PastJob) -> int:
    """Seconds; while a suspension is open, its start less those seconds: so slurmdbd keeps it."""
    seconds = sum(_epoch(until) - _epoch(since) for since, until in job.suspensions if until)
    opened = [since for since, until in job.suspensions if until is None]
    return _epoch(opened[0]) - seconds if opened else seconds


def _suspensions(job: PastJob, own_id: int, cluster: str) -> list[str]:
    submit, begin, _ = _times(job)
    job_id = job.job_id if job.job_id is not None else own_id
    return [
        SUSPEND.format(
            cluster=cluster,
            job_id=job_id,
            submit=submit,
            begin=begin,
            start=_epoch(since),
            end=_epoch(until) if until else 0,
        )
        for since, until in job.suspensions
    ]


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


def _associations(sql: Sql, cluster: str) -> dict[tuple[str, str], int]:
    """One per account and user; where partitions have their own, the one for all partitions counts."""
    query = (
        f"SELECT acct, user, id_assoc FROM {cluster}_assoc_table "  # noqa: S608 (our own name)
        "WHERE deleted = 0 AND user <> '' ORDER BY `partition` DESC"
    )
    return {(account, user): int(number) for account, user, number in sql(query)}


def _tres(sql: Sql) -> dict[str, int]:
    rows = sql("SELECT id, type, name FROM tres_table WHERE deleted = 0")
    return {f"{kind}/{name}" if name else kind: int(number) for number, kind, name in rows}


def usage_from_rollup(
    account: str, start: datetime, end: datetime, sql: Sql, cluster: str = CLUSTER
) -> dict[tuple[str, str], int]:
    """What the hourly rollup holds for the users of an account, its sub-accounts not included."""
    if not NAME.fullmatch(account):
        raise SandboxError(f"{account!r} cannot be an account: use letters, digits, dot, dash and underscore")
    books = books_from_rollup(start, end, sql, cluster)
    return {(user, tres): n for (acct, user, tres), n in books.items() if acct == account and user}


def books_from_rollup(
    start: datetime, end: datetime, sql: Sql, cluster: str = CLUSTER
) -> dict[tuple[str, str, str], int]:
    """All that the hourly rollup holds: {(account, user, tres): seconds}; no names where none is known."""
    query = f"""
        SELECT COALESCE(a.acct, ''), COALESCE(a.user, ''), t.type, t.name, SUM(u.alloc_secs)
        FROM {cluster}_assoc_usage_hour_table u
        LEFT JOIN {cluster}_assoc_table a ON a.id_assoc = u.id
        JOIN tres_table t ON t.id = u.id_tres
        WHERE u.deleted = 0 AND u.time_start >= {_epoch(start)} AND u.time_start < {_epoch(end)}
        GROUP BY a.acct, a.user, t.type, t.name"""  # noqa: S608 (numbers)
    return {
        (account, user, f"{kind}/{name}" if name else kind): int(seconds)
        for account, user, kind, name, seconds in sql(query)
    }


def cluster_since(moment: datetime, sql: Sql, cluster: str = CLUSTER) -> None:
    """Let slurmdbd know the cluster since then: sreport leaves out what was before.

    At the turn of an hour it sums up all that it never did, since the cluster began: by now, years. So it is
    told that this has been done.
    """
    sql(f"UPDATE {cluster}_event_table SET time_start = {_epoch(moment)} WHERE node_name = ''")  # noqa: S608
    if not sql(f"SELECT 1 FROM {cluster}_last_ran_table"):  # noqa: S608
        sql(
            f"INSERT INTO {cluster}_last_ran_table (hourly_rollup, daily_rollup, monthly_rollup) "  # noqa: S608
            "VALUES (UNIX_TIMESTAMP(), UNIX_TIMESTAMP(), UNIX_TIMESTAMP())"
        )
