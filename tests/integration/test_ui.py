"""What an administrator sees in Prefect's UI, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser import see

pytestmark = [pytest.mark.slurm, pytest.mark.prefect, pytest.mark.browser]

WIDE = {"width": 1800, "height": 800}
"""Tables and schedules are cut where the window ends."""


@pytest.fixture(scope="session")
def pushed(up: Any) -> Any:
    """The newest run of push-usage/hourly that reported something."""
    body = {"deployments": {"name": {"any_": ["hourly"]}}, "sort": "START_TIME_ASC"}
    body["flow_runs"] = {"state": {"type": {"any_": ["COMPLETED"]}}}
    return up.ask("POST", "flow_runs/filter", body)[0]


def test_the_dashboard_counts_the_runs(up: Any, page: Any, shoot: Any) -> None:
    page.goto(f"{up.stack.ui_url}/dashboard")
    see(page, "Flow Runs", re.compile(r"[1-9]\d*\s*total"), "Completed", "headnode", re.compile(r"\d+s ago"))
    shoot("dashboard")


def test_the_runs_page_lists_the_runs_of_both_flows(up: Any, pushed: Any, page: Any, shoot: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 1400})  # the list shows what fits the window
    page.goto(f"{up.stack.ui_url}/runs")
    see(page, "pull-orders", "push-usage", pushed["name"], "every-2-minutes", "hourly")
    shoot("runs")


def test_the_deployments_page_tells_the_schedules(up: Any, page: Any, shoot: Any) -> None:
    page.set_viewport_size(WIDE)
    page.goto(f"{up.stack.ui_url}/deployments")
    see(page, "every-2-minutes", "hourly", "backfill", "Every 2 minutes", "At 15 minutes past the hour")
    see(page, "pull-orders", "push-usage")  # these come later
    shoot("deployments")


def test_the_page_of_a_run_shows_its_steps(up: Any, pushed: Any, page: Any, shoot: Any) -> None:
    page.goto(f"{up.stack.ui_url}/runs/flow-run/{pushed['id']}")
    see(page, pushed["name"], "push-usage", "Completed", "counted up to")
    page.get_by_text("Task Runs", exact=True).click()
    see(page, "fetch-offering", "observe-cluster", "read usage", "report usage")
    shoot("push-usage-run")
    page.get_by_text("Artifacts", exact=True).click()
    see(page, "usage", "up to")


def test_the_page_of_the_artifact_shows_the_amounts(up: Any, pushed: Any, page: Any, shoot: Any) -> None:
    page.set_viewport_size(WIDE)
    (artifact,) = [one for one in up.stack.api.artifacts(pushed["id"]) if one["key"] == "usage"]
    page.goto(f"{up.stack.ui_url}/artifacts/artifact/{artifact['id']}")
    see(page, "account", "component", "TRES-seconds", "amount", "hpc_", "proteinfolding", "gres/gpu", "sent")
    shoot("usage-artifact")


def test_the_page_of_an_order_run_names_the_changes(up: Any, page: Any, shoot: Any) -> None:
    body = {"deployments": {"name": {"any_": ["every-2-minutes"]}}, "sort": "START_TIME_ASC"}
    body["flow_runs"] = {"state": {"type": {"any_": ["COMPLETED"]}}}
    first = up.ask("POST", "flow_runs/filter", body)[0]
    page.goto(f"{up.stack.ui_url}/runs/flow-run/{first['id']}")
    see(page, first["name"], "pull-orders", "Completed")
    page.get_by_text("Task Runs", exact=True).click()
    see(page, "read-marketplace", "observe-whole-cluster", "read back", "allocation ok")
    shoot("pull-orders-run")
    page.set_viewport_size(WIDE)
    (artifact,) = [one for one in up.stack.api.artifacts(first["id"]) if one["key"] == "orders"]
    page.goto(f"{up.stack.ui_url}/artifacts/artifact/{artifact['id']}")
    see(page, "order", "result", "changes", "done", "Protein folding")
    shoot("orders-artifact")


def test_an_artifact_links_to_the_others(up: Any, page: Any, shoot: Any) -> None:
    page.set_viewport_size(WIDE)
    page.goto(f"{up.stack.ui_url}/artifacts/key/reconciliation")
    see(page, "beside slurmdbd's own books", "See also")
    shoot("reconciliation-artifact")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="orders", exact=True).click()
    other = opened.value
    see(other, "pull-orders", "See also")
    assert other.url.endswith("/artifacts/key/orders")
    other.close()
