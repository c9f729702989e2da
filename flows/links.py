"""The artifacts by name, and the links from each to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from allocations.deployments import of_pool
from flows.news import left
from flows.work_pool import load_work_pool

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDERS_KEY = "orders"
PLAN_KEY = "plan"
USAGE_KEY = "usage"
RECONCILIATION_KEY = "reconciliation"
DRIFT_KEY = "drift"
REPAIR_KEY = "repair"
BACKFILL_KEY = "backfill"
COMPONENTS_KEY = "components"
CLOSED_MONTH_KEY = "closed-month"
LINKED = {
    PLAN_KEY: "what pull-orders meant to do, and why",
    ORDERS_KEY: "what became of it",
    REPAIR_KEY: "accounts that were made again",
    DRIFT_KEY: "how cluster and marketplace differ",
    USAGE_KEY: "what was used and told",
    RECONCILIATION_KEY: "the count beside slurmdbd's own books",
    CLOSED_MONTH_KEY: "what the month before lacks",
    COMPONENTS_KEY: "the offering beside the components file",
}
"""In the order in which they are named; a backfill's have their month in their names, and link to these."""
SECONDS = 5.0
"""The longest that the server may take to say which there are."""


def links_beside(key: str) -> str:
    """`See also [orders](...) ...`: those of the others that the server has, each in its latest version.

    The links are paths of the Prefect UI, so that they work under whatever address it is reached.
    """
    pool = load_work_pool()
    others = {of_pool(one, pool): meaning for one, meaning in LINKED.items() if one != key}
    there = known_keys(others)
    links = [f"[{one}](/artifacts/key/{one}) ({others[one]})" for one in others if one in there]
    return f"See also {', '.join(links)}." if links else ""


def known_keys(keys: Iterable[str]) -> frozenset[str]:
    """Those of the keys of which the server has an artifact; none where it does not say."""
    if FlowRunContext.get() is None:
        return frozenset()
    body: dict[str, Any] = {"artifacts": {"key": {"any_": list(keys)}}}
    return left("a link to other tables", lambda: asked_for(body)) or frozenset()


def asked_for(body: dict[str, Any]) -> frozenset[str]:
    """The keys of the artifacts that a filter finds; none where the answer is none of a Prefect server."""
    with get_client({"timeout": SECONDS}, sync_client=True) as client:
        answer = client.request("POST", "/artifacts/latest/filter", json=body)
    try:
        return frozenset(str(one["key"]) for one in answer.json())
    except (ValueError, KeyError, TypeError):
        return frozenset()
