"""Two clusters of one slurmdbd on one Prefect server: each worker does its own, no outage is the other's."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allocations.billing import BillingPeriod
from sandbox.cloudrock import Marketplace
from sandbox.inherited import environment
from sandbox.slurm import ClusterBeside, PastJob
from tests.deployments.headnodes import headnode, without_settings
from tests.deployments.servers import OnPostgreSQL, served
from tests.own_folder import FOLDER, PEOPLE, ROOT, SUFFIX, person
from tests.typed import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.slurm import Cluster
    from sandbox.stack import Stack
    from tests.deployments.headnodes import Headnode

    Two = tuple[Headnode, Headnode]

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A server on PostgreSQL, as docs/clusters.md says of more than one cluster."""
    made = OnPostgreSQL(FOLDER / "clusters")
    with served(made):
        yield made
    made.database.forget()


@pytest.fixture(scope="module")
def beside(cluster: Cluster) -> Iterator[ClusterBeside]:
    made = ClusterBeside(cluster, FOLDER / "beside", "beside")
    made.start()
    try:
        yield made
    finally:
        made.forget()


@pytest.fixture(scope="module")
def two(
    cluster: Cluster, beside: ClusterBeside, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Two]:
    """Both deployed, their workers started, and an order carried out by each."""
    from prefect import settings  # noqa: PLC0415 - fast tests do without

    homes = tmp_path_factory.mktemp("headnodes")
    cluster.add_people(*PEOPLE)
    known = {
        settings.PREFECT_API_URL: f"{stack.ui_url}/api",
        settings.PREFECT_API_AUTH_STRING: stack.environment()["PREFECT_API_AUTH_STRING"],
    }
    with (
        Marketplace(people_suffix=SUFFIX) as first,
        Marketplace(people_suffix=SUFFIX) as second,
        settings.temporary_settings(known),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in without_settings():
            patch.delenv(name)
        pair = (
            headnode("headnode", homes / "first", cluster, first, stack),
            headnode("beta", homes / "second", beside, second, stack),
        )
        pair[0].settle(SLURM_CLUSTER="sandbox")
        for one in pair:
            assert one.deploy(patch) == 0
            one.start_worker()
        yield pair
        for one in pair:
            one.kill_worker()


def order_on(one: Headnode, name: str) -> str:
    """An order that a run of its own has carried out; the account."""
    item = one.site.order(name)
    run = one.run("pull-orders/every-2-minutes")
    assert (run["state_type"], one.site.item(item)["state"]) == ("COMPLETED", "done"), run["state"]
    return str(one.site.resource(item)["backend_id"])


def tables(two: Two) -> set[str]:
    """The keys of the artifacts on the server."""
    return {one["key"] for one in two[0].stack.api.ask("POST", "artifacts/latest/filter", {})}


def test_orders_and_usage_of_each_land_in_its_own_cluster_and_offering_only(two: Two) -> None:
    items = [one.site.order("genomics") for one in two]
    runs = [one.start("pull-orders/every-2-minutes") for one in two]
    ended = [two[0].wait(run) for run in runs]
    assert [run["state_type"] for run in ended] == ["COMPLETED"] * 2, ended
    accounts = [one.site.resource(item)["backend_id"] for one, item in zip(two, items, strict=True)]
    for one, own, other in zip(two, accounts, reversed(accounts), strict=True):
        assert own in one.accounts()
        assert other not in one.accounts()
    start = BillingPeriod.containing(datetime.now(UTC)).start
    for minutes, one, account in zip((2, 5), two, accounts, strict=True):
        ends = start + timedelta(minutes=minutes)
        one.cluster.insert_jobs([PastJob(account, person("ada"), start, ends, tres={"cpu": 3})])
    runs = [one.start("push-usage/hourly") for one in two]
    assert [two[0].wait(run)["state_type"] for run in runs] == ["COMPLETED"] * 2
    used = [one.site.usage(item)["cpu"] for one, item in zip(two, items, strict=True)]
    assert used == [6, 15]
    kept = [sorted(path.name for path in (one.home / "state").rglob("usage/*")) for one in two]
    assert kept == [["sandbox"], ["beside"]]
    assert (two[0].home / "state" / "sandbox" / "writer-native.lock").exists()
    assert {"orders", "orders-beta", "usage", "usage-beta"} <= tables(two)


def test_doctor_finds_the_server_s_database_worker_and_deployments_of_each_well(two: Two) -> None:
    for one in two:
        known = {**environment(), "PYTHONPATH": str(ROOT)}
        settings = {**known, **one.cluster.environment, **one.stack.environment()}
        done = typed("doctor", "--json", environment=settings, folder=one.home)
        found = {entry["check"]: entry for entry in json.loads(done.stdout)["findings"]}
        looked_at = [found[check] for check in ("database", "worker", "deployments")]
        assert [entry["level"] for entry in looked_at] == ["OK"] * 3, looked_at
        assert found["database"]["found"].startswith("PostgreSQL")
        assert found["worker"]["found"] == one.name


def test_no_outage_of_one_cluster_touches_the_other_s_schedule(two: Two, beside: ClusterBeside) -> None:
    first, second = two
    item = second.site.order("late")

    os.kill(beside.running_daemons()["slurmctld"], signal.SIGKILL)
    failed = second.run("pull-orders/every-2-minutes")
    assert failed["state_type"] == "FAILED"
    assert "unless SLURM_CLUSTER names it" in failed["state"]["message"]
    assert [line for line in second.stack.api.logs(failed["id"]) if "Traceback" in line["message"]] == []

    second.settle(CLOUDROCK_API_TOKEN="")
    failed = second.run("pull-orders/every-2-minutes")
    assert failed["state_type"] == "FAILED"
    assert "CLOUDROCK_API_TOKEN: missing" in failed["state"]["message"]
    order_on(first, "while slurmctld is down and settings are broken")

    second.kill_worker()
    waiting = second.start("pull-orders/every-2-minutes")
    order_on(first, "while the worker is gone")
    assert second.stack.api.ask("GET", f"flow_runs/{waiting}")["state_type"] == "SCHEDULED"
    assert late_runs(first) == []

    second.settle()
    beside.start()
    second.start_worker()
    assert second.wait(waiting)["state_type"] == "COMPLETED"
    assert second.site.item(item)["state"] == "done"


def late_runs(one: Headnode) -> list[dict[str, Any]]:
    """Those of its runs that did not start in time, or did not end well."""
    found = one.stack.api.ask("POST", "flow_runs/filter", {"work_pools": {"name": {"any_": [one.pool]}}})
    bad = {"Late", "Failed", "Crashed"}
    return [run for run in found if run["state_name"] in bad]
