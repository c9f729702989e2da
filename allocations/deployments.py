"""What a file decides of a deployment, and where one on the server differs: JSON as Prefect writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Json = Mapping[str, Any]

OUR_TAG = "cloudrock-slurm"
"""Marks what is ours on a Prefect server: a tag of deployments, and how names of automations begin."""
POOL = "headnode"
"""The work pool in the files: of the only cluster, or of the first that uses a server."""
DEFAULT_QUEUE = "default"
"""Where Prefect puts a deployment whose work queue nobody named."""
PLAIN = ("description", "tags", "parameters", "enforce_parameter_schema")
"""What stands in prefect.yaml as the server tells it."""
DERIVED = {"parameter_openapi_schema": "parameter schema", "pull_steps": "pull steps"}
"""What follows from the flow and the folder; compared where it has been worked out."""
SLACK = timedelta(minutes=5)
"""So much later than its schedule says a next run may be: small steps of a clock mend themselves."""
SHOWN = 80
"""Characters of a value in a difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise on the server."""

    name: str
    """Of the deployment."""
    field: str
    found: object
    wanted: object

    @property
    def words(self) -> str:
        """`tags ['by hand'], not ['cloudrock-slurm']`."""
        return f"{self.field} {shown(self.found)}, not {shown(self.wanted)}"

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


def shown(value: object) -> str:
    """A value, or its beginning where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def of_pool(name: str, pool: str) -> str:
    """The name of a deployment or an artifact of a cluster that has a work pool of its own name."""
    return name if pool == POOL else f"{name}-{pool}"


def deployment_of_pool(entry: Json, flow: str, pool: str) -> dict[str, Any]:
    """An entry of prefect.yaml as it is for another pool; one that names a pool of its own keeps it."""
    if pool == POOL or entry["work_pool"]["name"] != POOL:
        return dict(entry)
    name = of_pool(entry["name"], pool)
    return {
        **entry,
        "name": name,
        "description": entry["description"].replace(f"{flow}/{entry['name']}", f"{flow}/{name}"),
        "tags": [*entry["tags"], pool],
        "work_pool": {**entry["work_pool"], "name": pool},
    }


def is_about_pool(automation: Json) -> bool:
    """Whether an automation is about one work pool: each pool has its own. The others serve all of them."""
    match = automation["trigger"].get("match") or {}
    return "prefect.resource.name" in match and "work-pool" in str(match.get("prefect.resource.id"))


def automation_of_pool(entry: Json, pool: str) -> dict[str, Any]:
    """An entry of automations.yaml as it is for another pool."""
    if pool == POOL or not is_about_pool(entry):
        return dict(entry)
    return {**_renamed(entry, pool), "name": f"{entry['name']} ({pool})"}


def without_pool(name: str) -> str:
    """An automation's name as automations.yaml has it."""
    return re.sub(r" \([a-z0-9-]+\)$", "", name)


def _renamed(value: Any, pool: str) -> Any:  # noqa: ANN401 - JSON
    """A value of JSON with the pool's name in the place of the files' one."""
    if isinstance(value, dict):
        return {key: _renamed(one, pool) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, pool) for one in value]
    return value.replace(POOL, pool) if isinstance(value, str) else value


def identity(deployment: Json) -> tuple[str, str]:
    """Entry point and name: the same in the file and on the server."""
    return str(deployment.get("entrypoint")), str(deployment.get("name"))


def differences(declared: Json, held: Json) -> Iterator[Difference]:
    """Where a deployment on the server is not what prefect.yaml says."""
    wants, has = as_declared(declared), as_held(held)
    for key, value in wants.items():
        if has[key] != value:
            yield Difference(str(declared["name"]), key, has[key], value)


def strays(declared: Iterable[Json], held: Iterable[Json]) -> list[str]:
    """Deployments of ours that no file names: their schedules still run. Served ones are none of them.

    Those of other pools are other clusters'.
    """
    entries = list(declared)
    known = {identity(one) for one in entries}
    pools = {one["work_pool"]["name"] for one in entries}
    return sorted(
        str(one["name"])
        for one in held
        if OUR_TAG in (one.get("tags") or ())
        and one.get("work_pool_name") in pools
        and identity(one) not in known
    )


def overdue(held: Json, scheduled: Iterable[Json], now: datetime) -> str:
    """How much later a deployment's next run is than its schedule says; empty when it is not.

    So it is after the machine's clock was set back: Prefect has made the runs that were to come by then, and
    makes no others before the old time has come again.

    Args:
        held: the deployment as the server tells it.
        scheduled: the runs that its schedules, or earlier ones, have made and that have not begun.
        now: the time; aware.
    """
    by_schedule: dict[str, list[datetime]] = {str(one["id"]): [] for one in held.get("schedules") or ()}
    for run in scheduled:
        moment = datetime.fromisoformat(run["next_scheduled_start_time"])
        made_by = str((run.get("created_by") or {}).get("id"))
        if moment >= now and made_by in by_schedule:
            by_schedule[made_by].append(moment)
    for moments in map(sorted, by_schedule.values()):
        gap = max((after - before for before, after in pairwise(moments)), default=None)
        if gap is not None and moments[0] - now > gap + SLACK:
            wait = timedelta(seconds=round((moments[0] - now).total_seconds()))
            return f"next run in {wait}, its schedule says every {gap}"
    return ""


def as_declared(entry: Json) -> dict[str, Any]:
    """What an entry of prefect.yaml decides."""
    limit = entry.get("concurrency_limit") or {}
    pool = entry["work_pool"]
    return {
        **{key: entry.get(key) for key in PLAIN},
        "work pool": pool["name"],
        "work queue": pool.get("work_queue_name") or DEFAULT_QUEUE,
        "job variables": pool.get("job_variables") or {},
        "concurrency": tuple(
            limit.get(key) for key in ("limit", "collision_strategy", "grace_period_seconds")
        ),
        "schedules": _schedules((one, one) for one in entry.get("schedules") or ()),
        **{title: entry[key] for key, title in DERIVED.items() if key in entry},
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
        "work queue": deployment.get("work_queue_name") or DEFAULT_QUEUE,
        "job variables": deployment.get("job_variables") or {},
        "concurrency": (limit.get("limit"), *strategy),
        "schedules": _schedules((one, one["schedule"]) for one in deployment.get("schedules") or ()),
        **{title: deployment.get(key) for key, title in DERIVED.items()},
    }


def as_sent(entry: Json) -> dict[str, Any]:
    """What makes the deployment on the server what the entry says; without a word on whether it is paused."""
    pool, limit = entry["work_pool"], entry.get("concurrency_limit") or {}
    options = {key: value for key, value in limit.items() if key != "limit"}
    return {
        **{key: entry[key] for key in ("name", "entrypoint", *PLAIN, *DERIVED) if key in entry},
        "work_pool_name": pool["name"],
        "work_queue_name": pool.get("work_queue_name") or DEFAULT_QUEUE,
        "job_variables": pool.get("job_variables") or {},
        "concurrency_limit": limit.get("limit"),
        "concurrency_options": options or None,
        "schedules": [_schedule_sent(one) for one in entry.get("schedules") or ()],
    }


def _schedule_sent(entry: Json) -> dict[str, Any]:
    when = {key: entry[key] for key in ("interval", "cron") if entry.get(key) is not None}
    return {
        "slug": entry.get("slug"),
        "active": entry.get("active", True),
        "parameters": entry.get("parameters") or {},
        "schedule": {**when, "timezone": entry.get("timezone") or "UTC"},
    }


def _schedules(pairs: Iterable[tuple[Json, Json]]) -> list[tuple[str, Sequence[object]]]:
    """Slug, whether it is active, when, and with which parameters; in one order."""
    rows = [
        (
            str(outer.get("slug")),
            (
                outer.get("active", True),
                when.get("interval"),
                when.get("cron"),
                when.get("timezone") or "UTC",
                *((outer["parameters"],) if outer.get("parameters") else ()),
            ),
        )
        for outer, when in pairs
    ]
    return sorted(rows, key=lambda row: row[0])
