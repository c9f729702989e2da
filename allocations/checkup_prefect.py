"""What Prefect has to be like; facts in, diagnoses out. Knows JSON as Prefect writes it, not Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from allocations.checkup import Cause, Check, Silence, brief, not_looked_at, well, wrong
from allocations.checkup_prefect_faults import (
    AUTOMATIONS_OTHERWISE,
    DEPLOYED_OTHERWISE,
    DEPLOYMENT_PAUSED,
    IN_MEMORY,
    NO_POOL,
    NO_SERVER,
    NO_WORKER,
    NONE_CAN_START,
    NOT_DEPLOYED,
    NOT_IN_THE_FILE,
    NOT_IN_TIME,
    NOT_LET_IN,
    NOT_SERVED,
    OPEN_TO_ALL,
    OTHER_VERSION,
    POOL_PAUSED,
    PROXIED,
)
from allocations.deployments import POOL, differences, identity, of_pool, strays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from allocations.checkup import Diagnosis

    Json = Mapping[str, Any]

SERVICE = "service"
"""The deployment that `cloudrock-slurm pull` and `push` serve without a work pool."""
MEMORY = ":memory:"
AFTER_THE_SERVER = (
    Check.ENTRY,
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
    openness: str | Silence
    """How somebody who knows no secret gets in; empty when he does not."""
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
    is_proxied: bool = False
    """Whether a proxy would be asked for a server that is on this host."""
    taken: str = ""
    """Whose the temporary folder is that Prefect needs, when it is not ours."""


def diagnose_prefect(facts: PrefectFacts) -> Iterator[Diagnosis]:
    """Everything about Prefect."""
    if facts.is_proxied:
        yield wrong(PROXIED, f"NO_PROXY does not name the host of {facts.url}")
    else:
        yield well(Check.PROXY, "none comes between us and a server on this host")
    if isinstance(facts.server_version, Silence):
        shut_out = facts.server_version.cause is Cause.UNAUTHORIZED
        yield wrong(NOT_LET_IN if shut_out else NO_SERVER, facts.server_version.words)
        words = "the Prefect server lets nobody in" if shut_out else "no Prefect server answers"
        yield from (not_looked_at(check, Silence(words, Cause.NOT_ASKED)) for check in AFTER_THE_SERVER)
        return
    yield _version(facts.server_version, facts)
    yield _entry(facts)
    database = facts.database
    yield not_looked_at(Check.DATABASE, database) if isinstance(database, Silence) else _database(database)
    yield _schedules(facts.overdue)
    if facts.served is not None:
        yield _served(facts.served, facts.held, of_pool(SERVICE, facts.pool_name), facts.taken)
        return
    pool, workers = facts.pool, facts.workers
    yield not_looked_at(Check.POOL, pool) if isinstance(pool, Silence) else _pool(pool, facts.pool_name)
    yield (
        not_looked_at(Check.WORKER, workers)
        if isinstance(workers, Silence)
        else _workers(workers, facts.pool_name, facts.taken)
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


def _entry(facts: PrefectFacts) -> Diagnosis:
    if isinstance(facts.openness, Silence):
        return not_looked_at(Check.ENTRY, facts.openness)
    if facts.openness:
        return wrong(OPEN_TO_ALL, facts.openness)
    return well(Check.ENTRY, "it takes nobody without a name and a password")


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


def _workers(workers: Sequence[Json], pool: str, taken: str) -> Diagnosis:
    alive = [str(worker.get("name")) for worker in workers if worker.get("status") == "ONLINE"]
    if alive:
        return well(Check.WORKER, brief(alive))
    found = f"{len(workers)} workers are known, none of them is alive"
    return wrong(NONE_CAN_START, f"{found}; {taken}") if taken else wrong(NO_WORKER, found, pool=pool)


def _served(flow: str, held: Sequence[Json] | Silence, service: str, taken: str) -> Diagnosis:
    if isinstance(held, Silence):
        return not_looked_at(Check.WORKER, held)
    name = f"{flow}/{service}"
    function = flow.replace("-", "_")
    ends = (f".{function}", f":{function}")  # of a module path, or of a file's
    found = [one for one in held if one["name"] == service and _entrypoint(one).endswith(ends)]
    if any(one.get("status") == "READY" for one in found):
        return well(Check.WORKER, f"{name} is served")
    state = f"{name} is {'not ready' if found else 'not on the server'}"
    return wrong(NONE_CAN_START, f"{state}; {taken}") if taken else wrong(NOT_SERVED, state)


def _entrypoint(deployment: Json) -> str:
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
