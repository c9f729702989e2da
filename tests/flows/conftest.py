"""A real Prefect server for the flows, the sandbox's cluster, and a marketplace of each test's own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.cloudrock import Marketplace
from sandbox.services import answers
from sandbox.stack import Stack
from tests.flows import apart
from tests.flows.drifting import drifting as drifting  # noqa: PLC0414 - a fixture of several files
from tests.flows.site import COMPONENTS, Site
from tests.own_folder import FOLDER, PEOPLE, ROOT, SUFFIX, person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.slurm import Cluster


RECORDER = (sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app")
UNNEEDED = {
    "PREFECT__SERVER_EPHEMERAL": "1",  # none of the services: nothing is scheduled here
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server for all tests; flows that run in the test's process report to it.

    It keeps flow runs and artifacts, which these tests look at; events and the tasks' runs, half of its work,
    are seen on the whole server of tests/integration.
    """
    from prefect import settings  # noqa: PLC0415 - fast tests do without

    stack = Stack(FOLDER / "recorder")
    stack.clear()
    stack.place_database()
    argv = (*RECORDER, "--port", str(stack.prefect_port), "--log-level", "error")
    process = stack.services.start(
        "prefect-server", *argv, environment={**stack.environment(), **UNNEEDED}, cwd=ROOT
    )
    url = f"{stack.ui_url}/api"
    stack.services.wait("prefect-server", process, lambda: answers(f"{url}/health"), 120)
    mine = {
        settings.PREFECT_API_URL: url,
        settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # a flow's end waits up to a second for its thread
        settings.PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
        settings.PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,  # it has no tokens to ask for
        settings.PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with settings.temporary_settings(mine):
        yield
    stack.services.stop()
    process.wait()


@pytest.fixture(autouse=True)
def without_events(request: pytest.FixtureRequest) -> Iterator[None]:
    """No flow of a test opens a websocket for events; other folders' tests look at them."""
    if "prefect_server" not in request.fixturenames:
        yield
        return
    apart.send_no_events()
    yield
    apart.send_events()


@pytest.fixture(scope="session")
def populated(cluster: Cluster) -> Cluster:
    """The cluster with the OS users of the marketplace's demo project, where we may make them."""
    if os.geteuid() == 0:
        cluster.add_people(*PEOPLE)
    return cluster


@pytest.fixture
def marketplace() -> Iterator[Marketplace]:
    """A marketplace of this test's own."""
    with Marketplace(people_suffix=SUFFIX) as running:
        yield running


@pytest.fixture(scope="session")
def somebody(populated: Cluster) -> str:
    """An operating-system user who is in no project."""
    name = person("sam")
    populated.add_people(name)
    return name


@pytest.fixture
def site(
    populated: Cluster,
    marketplace: Marketplace,
    prefect_server: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """A headnode with settings, in a folder of its own; nothing of the developer's environment leaks in."""
    del prefect_server
    for name in os.environ:
        if name.startswith(("CLOUDROCK_", "SLURM_")):
            monkeypatch.delenv(name)
    (tmp_path / "config-components.yaml").write_text(COMPONENTS)
    settings = {
        **populated.environment,
        "CLOUDROCK_API_URL": marketplace.api_url,
        "CLOUDROCK_API_TOKEN": marketplace.tokens["provider_owner"],
        "CLOUDROCK_OFFERING_UUID": marketplace.offering_uuid,
        "SLURM_DEPLOYMENT_TYPE": "native",
        "SYNC_RECONCILE": "off",  # inserted jobs are in no rollup, unless a test makes one
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return Site(populated, marketplace)


@pytest.fixture
def told(site) -> Iterator[Callable[[], list[Any]]]:
    """The events of ours that were handed over since it was asked last, in place of being sent."""
    from prefect.events.clients import AssertingEventsClient  # noqa: PLC0415 - Prefect takes seconds
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - the same

    AssertingEventsClient.reset()
    EventsWorker.set_client_override(AssertingEventsClient)

    def events() -> list[Any]:
        EventsWorker.instance().wait_until_empty()
        found = [event for client in AssertingEventsClient.all for event in client.pop_events()]
        return [event for event in found if event.event.startswith("cloudrock-slurm.")]

    yield events
    EventsWorker.instance().drain()
    EventsWorker.set_client_override(None)
    AssertingEventsClient.reset()
