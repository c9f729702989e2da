"""What Prefect has to be like; facts in, diagnoses out. Knows JSON as Prefect writes it, not Prefect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allocations.checkup import Cause, Check, Fault, Level, Silence, brief, not_looked_at, well, wrong

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from allocations.checkup import Diagnosis

    Json = Mapping[str, Any]

POOL = "headnode"
SERVICE = "service"
"""The deployment that `cloudrock-slurm pull` and `push` serve without a work pool."""
MEMORY = ":memory:"
PLAIN = ("description", "tags", "parameters", "enforce_parameter_schema")
"""What stands in prefect.yaml as the server tells it."""

NO_SERVER = Fault(
    Check.SERVER,
    Level.ERROR,
    "no Prefect server answers",
    "nothing is scheduled and no run is recorded",
    "set PREFECT_API_URL to a running server; `prefect server start` starts one",
)
OTHER_VERSION = Fault(
    Check.SERVER,
    Level.WARNING,
    "the server is of another minor version than this environment",
    "a client and a server of different versions misunderstand each other in small ways",
    "start the server from this environment: prefect server start",
)
IN_MEMORY = Fault(
    Check.DATABASE,
    Level.WARNING,
    "the server keeps its database in memory",
    "runs, schedules and deployments are gone when it stops",
    "set PREFECT_SERVER_DATABASE_CONNECTION_URL to a PostgreSQL address, or unset it, and restart the server",
)
NO_POOL = Fault(
    Check.POOL,
    Level.ERROR,
    f"there is no work pool {POOL}",
    "deployments have nowhere to run",
    f"prefect work-pool create {POOL} --type process",
)
POOL_PAUSED = Fault(
    Check.POOL,
    Level.WARNING,
    "the work pool is paused",
    "its runs wait until somebody resumes it",
    f"prefect work-pool resume {POOL}",
)
NO_WORKER = Fault(
    Check.WORKER,
    Level.ERROR,
    "no worker of the pool is alive",
    "scheduled runs become late and nothing runs",
    f"prefect worker start --pool {POOL}",
)
NOT_SERVED = Fault(
    Check.WORKER,
    Level.ERROR,
    "the side that CLOUDROCK_SYNC_DIRECTION names is not served",
    "its flow does not run",
    "python3 -m cloudrock_slurm.main",
)
NOT_DEPLOYED = Fault(
    Check.DEPLOYMENTS,
    Level.ERROR,
    "a deployment of prefect.yaml is not on the server",
    "what it should do is not done",
    "prefect --no-prompt deploy --all",
)
DEPLOYED_OTHERWISE = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment is otherwise on the server than in prefect.yaml",
    "it was changed in the UI, or the file after the last deploy: what runs is not what the file says",
    "prefect --no-prompt deploy --all",
)
DEPLOYMENT_PAUSED = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment is paused",
    "its schedule makes no runs",
    "resume {deployment} in the Prefect UI",
)
FAULTS = (
    NO_SERVER,
    OTHER_VERSION,
    IN_MEMORY,
    NO_POOL,
    POOL_PAUSED,
    NO_WORKER,
    NOT_SERVED,
    NOT_DEPLOYED,
    DEPLOYED_OTHERWISE,
    DEPLOYMENT_PAUSED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefectFacts:
    """What was learned of the Prefect server, and what should be on it; JSON as its API has it."""

    url: str
    server_version: str | Silence
    our_version: str
    database: Json | Silence
    """The server's settings of its database, secrets hidden; `ours`, if it is there, is our own kind."""
    pool: Json | Silence | None
    """None: there is no such pool."""
    workers: Sequence[Json] | Silence
    held: Sequence[Json] | Silence
    """All deployments of the server."""
    declared: Sequence[Json] | Silence
    """The deployments of prefect.yaml."""
    served: str | None = None
    """The flow that CLOUDROCK_SYNC_DIRECTION serves without a pool; None where a worker runs all."""


def diagnose_prefect(facts: PrefectFacts) -> Iterator[Diagnosis]:
    """Everything about Prefect."""
    if isinstance(facts.server_version, Silence):
        yield wrong(NO_SERVER, facts.server_version.words)
        reason = Silence("no Prefect server answers", Cause.NOT_ASKED)
        for check in (Check.DATABASE, Check.POOL, Check.WORKER, Check.DEPLOYMENTS):
            yield not_looked_at(check, reason)
        return
    yield _version(facts.server_version, facts)
    database = facts.database
    yield not_looked_at(Check.DATABASE, database) if isinstance(database, Silence) else _database(database)
    if facts.served is not None:
        yield _served(facts.served, facts.held)
        return
    pool, workers = facts.pool, facts.workers
    yield not_looked_at(Check.POOL, pool) if isinstance(pool, Silence) else _pool(pool)
    yield not_looked_at(Check.WORKER, workers) if isinstance(workers, Silence) else _workers(workers)
    if isinstance(facts.held, Silence):
        yield not_looked_at(Check.DEPLOYMENTS, facts.held)
    elif isinstance(facts.declared, Silence):
        yield not_looked_at(Check.DEPLOYMENTS, facts.declared)
    else:
        yield from _deployments(facts.declared, facts.held)


def _version(server: str, facts: PrefectFacts) -> Diagnosis:
    if server.split(".")[:2] == facts.our_version.split(".")[:2]:
        return well(Check.SERVER, f"{server} at {facts.url}")
    return wrong(OTHER_VERSION, f"{server} at {facts.url}, and {facts.our_version} here")


def _database(settings: Json) -> Diagnosis:
    """`driver` is the server's own word, `ours` is what this environment would make of its database."""
    driver, ours = settings.get("driver"), settings.get("ours")
    kind = str(driver or ours or "")
    whence = "" if driver or not ours else ", by the settings of this environment"
    if MEMORY in kind:
        return wrong(IN_MEMORY, f"SQLite in memory{whence}")
    if kind.startswith("postgresql"):
        return well(Check.DATABASE, f"PostgreSQL{whence}")
    if kind.startswith("sqlite"):
        return well(Check.DATABASE, f"SQLite, enough for one cluster{whence}")
    return well(Check.DATABASE, "set by an address that the server keeps to itself")


def _pool(pool: Json | None) -> Diagnosis:
    if pool is None:
        return wrong(NO_POOL, f"no work pool {POOL!r}")
    if pool.get("is_paused"):
        return wrong(POOL_PAUSED, f"{POOL} is paused")
    return well(Check.POOL, f"{POOL}, of type {pool.get('type')}")


def _workers(workers: Sequence[Json]) -> Diagnosis:
    alive = [str(worker.get("name")) for worker in workers if worker.get("status") == "ONLINE"]
    if alive:
        return well(Check.WORKER, brief(alive))
    return wrong(NO_WORKER, f"{len(workers)} workers are known, none of them is alive")


def _served(flow: str, held: Sequence[Json] | Silence) -> Diagnosis:
    if isinstance(held, Silence):
        return not_looked_at(Check.WORKER, held)
    name = f"{flow}/{SERVICE}"
    function = flow.replace("-", "_")
    ends = (f".{function}", f":{function}")  # of a module path, or of a file's
    found = [one for one in held if one["name"] == SERVICE and _entry(one).endswith(ends)]
    if any(one.get("status") == "READY" for one in found):
        return well(Check.WORKER, f"{name} is served")
    return wrong(NOT_SERVED, f"{name} is {'not ready' if found else 'not on the server'}")


def _entry(deployment: Json) -> str:
    return str(deployment.get("entrypoint"))


def _deployments(declared: Sequence[Json], held: Iterable[Json]) -> Iterator[Diagnosis]:
    known = {(_entry(one), one["name"]): one for one in held}
    there = [
        (one, known[_entry(one), one["name"]]) for one in declared if (_entry(one), one["name"]) in known
    ]
    if missing := {one["name"] for one in declared} - {one["name"] for one, _ in there}:
        yield wrong(NOT_DEPLOYED, f"not on the server: {brief(missing)}")
    others = [words for one, found in there for words in differences(one, found)]
    if others:
        yield wrong(DEPLOYED_OTHERWISE, "; ".join(others))
    if paused := [one["name"] for one, found in there if found.get("paused")]:
        yield wrong(DEPLOYMENT_PAUSED, f"paused: {brief(paused)}", deployment=brief(paused))
    if not (missing or others or paused):
        yield well(Check.DEPLOYMENTS, f"{len(declared)} as in prefect.yaml")


def differences(declared: Json, held: Json) -> Iterator[str]:
    """Where a deployment on the server is not what prefect.yaml says: `hourly: tags [...], not [...]`."""
    wants, has = as_declared(declared), as_held(held)
    for key, value in wants.items():
        if has[key] != value:
            yield f"{declared['name']}: {key} {_shown(has[key])}, not {_shown(value)}"


def _shown(value: object) -> str:
    return repr(value)[:80]


def as_declared(entry: Json) -> dict[str, Any]:
    """What an entry of prefect.yaml decides."""
    limit = entry.get("concurrency_limit") or {}
    return {
        **{key: entry.get(key) for key in PLAIN},
        "work pool": entry["work_pool"]["name"],
        "concurrency": tuple(
            limit.get(key) for key in ("limit", "collision_strategy", "grace_period_seconds")
        ),
        "schedules": _schedules((one, one) for one in entry.get("schedules") or ()),
    }


def as_held(deployment: Json) -> dict[str, Any]:
    """The same of a deployment as the server tells it."""
    limit, options = (
        deployment.get("global_concurrency_limit") or {},
        deployment.get("concurrency_options") or {},
    )
    strategy = (options.get("collision_strategy"), options.get("grace_period_seconds"))
    return {
        **{key: deployment.get(key) for key in PLAIN},
        "work pool": deployment.get("work_pool_name"),
        "concurrency": (limit.get("limit"), *strategy),
        "schedules": _schedules((one, one["schedule"]) for one in deployment.get("schedules") or ()),
    }


def _schedules(pairs: Iterable[tuple[Json, Json]]) -> list[tuple[str, list[object]]]:
    """Slug, whether it is active, and when; in one order."""
    rows = [
        (
            str(outer.get("slug")),
            [outer.get("active"), when.get("interval"), when.get("cron"), when.get("timezone") or "UTC"],
        )
        for outer, when in pairs
    ]
    return sorted(rows, key=lambda row: row[0])
