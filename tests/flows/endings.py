"""Where a scene stands: both sides whole, in words that are the same in every scene."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.flows.scenes import Scene

ASSOCIATIONS = """\
SELECT acct, user, parent_acct, grp_tres_mins, grp_submit_jobs, max_submit_jobs, is_def
FROM sandbox_assoc_table WHERE deleted = 0 ORDER BY acct, user;"""
ACCOUNTS = "SELECT name, organization FROM acct_table WHERE deleted = 0 ORDER BY name;"
USERS = "SELECT name FROM user_table WHERE deleted = 0 ORDER BY name;"


def ending_of(scene: Scene) -> dict[str, Any]:
    """Everything that an undisturbed and a disturbed run must leave alike."""
    items = scene.get("marketplace-order-items/?page_size=300")
    resources = [whole_resource(scene, one) for one in scene.get("marketplace-resources/?page_size=300")]
    marketplace = {
        "items": [{key: one.get(key, "") for key in ("type", "state", "error_message")} for one in items],
        "resources": resources,
    }
    return in_common_words(scene, {"cluster": of_the_cluster(scene), "marketplace": marketplace})


def of_the_cluster(scene: Scene) -> dict[str, Any]:
    """The scene's accounts and people, as slurmdbd's database has them: a second row would be seen."""
    begins = tuple(f"hpc_{uuid[:5]}" for uuid in accounts_uuids(scene))
    sql = scene.cluster.sql
    return {
        "associations": [
            row for row in sql(ASSOCIATIONS) if row[0].startswith(begins) or scene.knows(row[1])
        ],
        "accounts": [row for row in sql(ACCOUNTS) if row[0].startswith(begins)],
        "users": [row for row in sql(USERS) if scene.knows(row[0])],
        "active jobs": scene.cluster.run("squeue", "-h", "-o", "%a|%u|%T").splitlines(),
    }


def accounts_uuids(scene: Scene) -> list[str]:
    """The uuids after which accounts are named."""
    made = [one["uuid"] for one in scene.get("marketplace-resources/?page_size=300")]
    return [scene.marketplace.customer_uuid, scene.marketplace.project_uuid, *made]


def whole_resource(scene: Scene, resource: dict[str, Any]) -> dict[str, Any]:
    """A resource, its allocation, its associations, its plan periods and its usage."""
    uuid, allocation = resource["uuid"], resource["resource_uuid"]
    behind = scene.get(f"slurm-allocations/{allocation}/")
    associations = scene.get(f"slurm-associations/?allocation_uuid={allocation}&page_size=300")
    periods = scene.get(f"marketplace-resources/{uuid}/plan_periods/")
    usages = scene.get(f"marketplace-component-usages/?resource_uuid={uuid}&page_size=300")
    return {
        **{key: resource.get(key) for key in ("name", "state", "backend_id", "limits", "plan_uuid")},
        "allocation": {key: behind[key] for key in ("state", "backend_id")},
        "associations": sorted(row["username"] for row in associations),
        "plan periods": [(one["plan_uuid"], "open" if one["end"] is None else "closed") for one in periods],
        "usage": sorted((one["type"], as_recorded(scene, resource, one)) for one in usages),
        "users' shares": shares(scene, allocation, {one["type"]: one["usage"] for one in usages}),
    }


def shares(scene: Scene, allocation: str, amounts: dict[str, int]) -> list[str]:
    """Whose shares the marketplace shows, and whether they add up to the billed amounts."""
    rows = scene.get(f"slurm-allocation-user-usage/?allocation_uuid={allocation}&page_size=300")
    columns = {"cpu": "cpu_usage", "gres/gpu": "gpu_usage", "mem": "ram_usage"}
    sums = {kind: sum(row[column] for row in rows) for kind, column in columns.items()}
    whole = "" if all(sums[kind] == amount for kind, amount in amounts.items()) else f"{sums} of {amounts}"
    return [*sorted(row["username"] for row in rows), whole]


def as_recorded(scene: Scene, resource: dict[str, Any], usage: dict[str, Any]) -> str:
    """Whether the amount is what slurmdbd recorded of the account's jobs; they never last equally long."""
    account = f"--accounts={resource['backend_id']}"
    fields = ("-S", "now-1day", account, "--format=alloctres,elapsedraw")
    lines = scene.cluster.run("sacct", "-nPXDa", "--noconvert", *fields).splitlines()
    seconds = 0
    for tres, elapsed in (line.split("|") for line in lines):
        each = dict(pair.split("=") for pair in tres.split(",") if pair)
        seconds += int(each.get(usage["type"], "0").removesuffix("M")) * int(elapsed)
    right = usage["usage"] == (seconds + 30) // 60
    return "as recorded" if right else f"{usage['usage']} where {seconds} TRES-seconds are recorded: {lines}"


def in_common_words(scene: Scene, state: dict[str, Any]) -> dict[str, Any]:
    """The same, with words for the uuids, without the scene's mark in people's names, and sorted."""
    text = json.dumps(state)
    for number, one in enumerate(scene.get("marketplace-resources/?page_size=300"), 1):
        text = text.replace(one["uuid"], f"<resource {number}>")
        text = text.replace(f"hpc_{one['uuid'][:5]}", f"hpc_<{number}>")
    plans = scene.get(f"marketplace-public-offerings/{scene.marketplace.offering_uuid}/")["plans"]
    for one in plans:
        text = text.replace(one["uuid"], f"<plan {one['name']}>")
    text = text.replace(scene.marketplace.customer_uuid, "<customer>")
    text = text.replace(scene.marketplace.project_uuid, "<project>").replace(scene.suffix, "")
    common: dict[str, Any] = json.loads(text)
    for rows in (
        *common["cluster"].values(),
        *(one["plan periods"] for one in common["marketplace"]["resources"]),
    ):
        rows.sort()
    return common
