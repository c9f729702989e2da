"""A site with many allocations at rest, made quickly: for measuring what grows with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from sandbox.slurm import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sandbox.cloudrock import OfficeClient
    from sandbox.slurm import Cluster

ORGANIZATION = "cloudrock-slurm"
LIMITS = "cpu=600000,gres/gpu=60000,mem=614400000"


def add_allocations(
    cluster: Cluster,
    office: OfficeClient,
    market: dict[str, str],
    token: str,
    *,
    count: int,
    users: Sequence[str],
    folder: Path,
) -> list[str]:
    """So many OK resources with their accounts, limits and members on the cluster; the accounts' names.

    Args:
        cluster: a running cluster, which gets the accounts through `sacctmgr load`.
        office: the stand-in's back office.
        market: its `api_url`, `offering_uuid`, `plan_uuid`, `project_uuid`, `customer_uuid`.
        token: of the provider's owner, who records the accounts' names.
        count: how many.
        users: who may run under each.
        folder: where the file for `sacctmgr load` is written.
    """
    uuids = office.add_resources(
        project=market["project_uuid"],
        offering=market["offering_uuid"],
        plan=market["plan_uuid"],
        count=count,
    )
    if not isinstance(uuids, list):
        raise SandboxError(f"the back office made no list of resources: {uuids!r}")
    names = {str(uuid): f"hpc_{str(uuid)[:8]}_bulk" for uuid in uuids}
    headers = {"Authorization": f"token {token}"}
    with httpx.Client(base_url=market["api_url"], headers=headers, timeout=60) as client:
        for uuid, name in names.items():
            address = f"marketplace-resources/{uuid}/set_backend_id/"
            client.post(address, json={"backend_id": name}).raise_for_status()
    accounts = list(names.values())
    path = folder / "large-site.cfg"
    path.write_text(flat_file(market, accounts, users))
    cluster.run("sacctmgr", "-i", "load", f"file={path}")
    return accounts


def flat_file(market: dict[str, str], accounts: Sequence[str], users: Sequence[str]) -> str:
    """The accounts as `sacctmgr load` takes them."""
    customer, project = f"hpc_{market['customer_uuid']}", f"hpc_{market['project_uuid']}"
    mark = f"Organization='{ORGANIZATION}'"
    lines = ["Cluster - 'sandbox'", "Parent - 'root'", f"Account - '{customer}':{mark}"]
    lines += ["Account - 'cloudrock'", "Parent - 'cloudrock'"]
    lines += [f"User - '{user}':DefaultAccount='cloudrock'" for user in users]
    lines += [f"Parent - '{customer}'", f"Account - '{project}':{mark}", f"Parent - '{project}'"]
    lines += [f"Account - '{account}':{mark}:GrpTRESMins={LIMITS}" for account in accounts]
    for account in accounts:
        lines += [f"Parent - '{account}'", *(f"User - '{user}':DefaultAccount='cloudrock'" for user in users)]
    return "\n".join(lines) + "\n"
