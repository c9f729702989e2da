"""What Prefect has to be like; facts in, diagnoses out. Knows JSON as Prefect writes it, not Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from allocations.checkup import Cause, Check, Fault, Level, Silence, brief, not_looked_at, well, wrong
from allocations.deployments import POOL, differences, identity, of_pool, strays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from allocations.checkup import Diagnosis

    Json = Mapping[str, Any]

SERVICE = "service"
"""The deployment that `cloudrock-slurm pull` and `push` serve without a work pool."""
MEMORY = ":memory:"
DEPLOY = "cloudrock-slurm deploy"

NOT_LET_IN = Fault(
    Check.SERVER,
    Level.ERROR,
    "the server takes nobody without a name and a password",
    "no run is recorded, and neither worker nor services can work",
    "put the words of the server's PREFECT_SERVER_API_AUTH_STRING into PREFECT_API_AUTH_STRING, in .env",
)
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
    "the work pool is not there",
    "deployments have nowhere to run",
    DEPLOY,
)
POOL_PAUSED = Fault(
    Check.POOL,
    Level.WARNING,
    "the work pool is paused",
    "its runs wait until somebody resumes it",
    "prefect work-pool resume {pool}",
)
NO_WORKER = Fault(
    Check.WORKER,
    Level.ERROR,
    "no worker of the pool is alive",
    "scheduled runs become late and nothing runs",
    "prefect worker start --pool {pool}",
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
    DEPLOY,
)
DEPLOYED_OTHERWISE = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment is otherwise on the server than in prefect.yaml",
    "it was changed in the UI, or the file after the last deploy: what runs is not what the file says",
    DEPLOY,
)
NOT_IN_THE_FILE = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment of ours is on the server and not in prefect.yaml",
    "its schedule still runs, beside what the file says",
    "look at {deployment} in the Prefect UI, and delete it there if nobody wants it",
)
DEPLOYMENT_PAUSED = Fault(
    Check.DEPLOYMENTS,
    Level.WARNING,
    "a deployment is paused",
    "its schedule makes no runs",
    "resume {deployment} in the Prefect UI",
)
NOT_IN_TIME = Fault(
    Check.SCHEDULES,
    Level.ERROR,
    "the next run of a deployment is later than its schedule says",
    "this machine's clock was set back: Prefect makes no run before the old time has come again, so no order "
    "is carried out and no usage told",
    "systemctl restart cloudrock-slurm-prefect; cloudrock-slurm deploy; restart a side that serves itself",
)
AUTOMATIONS_OTHERWISE = Fault(
    Check.AUTOMATIONS,
    Level.WARNING,
    "the automations on the server are not those of deployments/automations.yaml",
    "a run that was killed holds its place for ever, and nobody hears of failures",
    DEPLOY,
)
FAULTS = (
    NOT_LET_IN,
    NO_SERVER,
    OTHER_VERSION,
    IN_MEMORY,
    NO_POOL,
    POOL_PAUSED,
    NO_WORKER,
    NOT_SERVED,
    NOT_DEPLOYED,
    DEPLOYED_OTHERWISE,
    NOT_IN_THE_FILE,
    DEPLOYMENT_PAUSED,
    NOT_IN_TIME,
    AUTOMATIONS_OTHERWISE,
)

AFTER_THE_SERVER = (
    Check.DATABASE,
    Check.POOL,
    Check.WORKER,
    Check.DEPLOYMENTS,
    Check.SCHEDULES,
    Check.AUTOMATIONS,
)
"""What is not known of a server that does not answer."""


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
    automations: Sequence[str] | Silence = ()
    """Where the automations on the server are not those of the file, one sentence each."""
    overdue: Mapping[str, str] | Silence = field(default_factory=dict)
    """Deployment of ours to how much later its next run is than its schedule says."""
    pool_name: str = POOL
    """CLOUDROCK_WORK_POOL; not the files' own, it ends the names of deployments."""
    served: str | None = None
    """The flow that CLOUDROCK_SYNC_DIRECTION serves without a pool; None where a worker runs all."""


def diagnose_prefect(facts: PrefectFacts) -> Iterator[Diagnosis]:
    """Everything about Prefect."""
    if isinstance(facts.server_version, Silence):
        shut_out = facts.server_version.cause is Cause.UNAUTHORIZED
        yield wrong(NOT_LET_IN if shut_out else NO_SERVER, facts.server_version.words)
        words = "the Prefect server lets nobody in" if shut_out else "no Prefect server answers"
        yield from (not_looked_at(check, Silence(words, Cause.NOT_ASKED)) for check in AFTER_THE_SERVER)
        return
    yield _version(facts.server_version, facts)
    database = facts.database
    yield not_looked_at(Check.DATABASE, database) if isinstance(database, Silence) else _database(database)
    yield _schedules(facts.overdue)
    if facts.served is not None:
        yield _served(facts.served, facts.held, of_pool(SERVICE, facts.pool_name))
        return
    pool, workers = facts.pool, facts.workers
    yield not_looked_at(Check.POOL, pool) if isinstance(pool, Silence) else _pool(pool, facts.pool_name)
    yield (
        not_looked_at(Check.WORKER, workers)
        if isinstance(workers, Silence)
        else _workers(workers, facts.pool_name)
    )
    if isinstance(facts.held, Silence):
        yield not_looked_at(Check.DEPLOYMENTS, facts.held)
    elif isinstance(facts.declared, Silence):
        yield not_looked_at(Check.DEPLOYMENTS, facts.declared)
    else:
        yield from _deployments(facts.declared, facts.held)
    yield _automations(facts.automations)


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


def _pool(pool: Json | None, name: str) -> Diagnosis:
    if pool is None:
        return wrong(NO_POOL, f"no work pool {name!r}")
    if pool.get("is_paused"):
        return wrong(POOL_PAUSED, f"{name} is paused", pool=name)
    return well(Check.POOL, f"{name}, of type {pool.get('type')}")


def _workers(workers: Sequence[Json], pool: str) -> Diagnosis:
    alive = [str(worker.get("name")) for worker in workers if worker.get("status") == "ONLINE"]
    if alive:
        return well(Check.WORKER, brief(alive))
    return wrong(NO_WORKER, f"{len(workers)} workers are known, none of them is alive", pool=pool)


def _served(flow: str, held: Sequence[Json] | Silence, service: str) -> Diagnosis:
    if isinstance(held, Silence):
        return not_looked_at(Check.WORKER, held)
    name = f"{flow}/{service}"
    function = flow.replace("-", "_")
    ends = (f".{function}", f":{function}")  # of a module path, or of a file's
    found = [one for one in held if one["name"] == service and _entry(one).endswith(ends)]
    if any(one.get("status") == "READY" for one in found):
        return well(Check.WORKER, f"{name} is served")
    return wrong(NOT_SERVED, f"{name} is {'not ready' if found else 'not on the server'}")


def _entry(deployment: Json) -> str:
    return str(deployment.get("entrypoint"))


def _deployments(declared: Sequence[Json], held: Sequence[Json]) -> Iterator[Diagnosis]:
    known = {identity(one): one for one in held}
    there = [(one, known[identity(one)]) for one in declared if identity(one) in known]
    if missing := {one["name"] for one in declared} - {one["name"] for one, _ in there}:
        yield wrong(NOT_DEPLOYED, f"not on the server: {brief(missing)}")
    others = [str(found) for one, has in there for found in differences(one, has)]
    if others:
        yield wrong(DEPLOYED_OTHERWISE, "; ".join(others))
    if stray := strays(declared, held):
        yield wrong(NOT_IN_THE_FILE, f"not in prefect.yaml: {brief(stray)}", deployment=brief(stray))
    if paused := [one["name"] for one, found in there if found.get("paused")]:
        yield wrong(DEPLOYMENT_PAUSED, f"paused: {brief(paused)}", deployment=brief(paused))
    if not (missing or others or stray or paused):
        yield well(Check.DEPLOYMENTS, f"{len(declared)} as in prefect.yaml")


def _schedules(overdue: Mapping[str, str] | Silence) -> Diagnosis:
    if isinstance(overdue, Silence):
        return not_looked_at(Check.SCHEDULES, overdue)
    if overdue:
        return wrong(NOT_IN_TIME, "; ".join(f"{name}: {words}" for name, words in overdue.items()))
    return well(Check.SCHEDULES, "next runs are in time")


def _automations(differing: Sequence[str] | Silence) -> Diagnosis:
    if isinstance(differing, Silence):
        return not_looked_at(Check.AUTOMATIONS, differing)
    if differing:
        return wrong(AUTOMATIONS_OTHERWISE, "; ".join(differing))
    return well(Check.AUTOMATIONS, "as in deployments/automations.yaml")
