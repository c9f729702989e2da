"""One marketplace that runs: in a thread of this process, on a port of the loopback unless told otherwise."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin

import httpx
import uvicorn

from sandbox.cloudrock.application import make_application
from sandbox.cloudrock.back_office import BackOffice
from sandbox.cloudrock.clock import Clock
from sandbox.cloudrock.gateway import Gateway
from sandbox.cloudrock.ordering import order_body
from sandbox.cloudrock.page.views import Surroundings
from sandbox.cloudrock.page.web import HOME, Site
from sandbox.cloudrock.parts import Parts
from sandbox.cloudrock.seed import CASTS, seed, with_suffix
from sandbox.cloudrock.store import Store
from sandbox.cloudrock.worker import Worker

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

HOST = "127.0.0.1"
START_SECONDS = 20
KEEP_ALIVE_SECONDS = 75
"""Of idle connections. Clients drop theirs after 5: were it 5 here too, one could send into a closing one."""


class Marketplace:
    """The stand-in: a context manager, or start() and stop().

    `office` is the back office. `tokens` and `users` are by actor: staff, support, provider_owner,
    provider_manager, customer_owner, project_user1 (admin), 2 (manager) and 3 (member), outsider.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        database: Path | None = None,
        port: int = 0,
        *,
        host: str = HOST,
        seed_with: str = "demo",
        people_suffix: str = "",
        worker_delay_seconds: float = 0.05,
        starts_at: datetime | None = None,
        around: Surroundings | None = None,
    ) -> None:
        self._socket = _bound(host, port)
        self._folder = tempfile.TemporaryDirectory(prefix="cloudrock-") if database is None else None
        file = Path(self._folder.name) / "cloudrock.sqlite" if self._folder else Path(str(database))
        store = Store(file)
        clock = Clock()
        if starts_at is not None:
            clock.set(starts_at)
        self._parts = Parts(store, Worker(store, clock, worker_delay_seconds), clock)
        self.office = BackOffice(self._parts)
        if not self.office.notes():
            seed(self.office, with_suffix(CASTS[seed_with], people_suffix))
        notes = self.office.notes()
        self.tokens = _with_prefix(notes, "token ")
        self.users = _with_prefix(notes, "user ")
        self.service_provider_uuid = notes["service_provider_uuid"]
        self.provider_uuid = notes["provider_uuid"]
        self.customer_uuid = notes["customer_uuid"]
        self.project_uuid = notes["project_uuid"]
        self.offering_uuid = notes["offering_uuid"]
        self.plan_uuid = notes["plan_uuid"]
        self.api_url = f"http://{host}:{self._socket.getsockname()[1]}/api/"
        self.page_url = urljoin(self.api_url, HOME)
        self._client = httpx.Client(base_url=self.api_url, timeout=START_SECONDS, trust_env=False)
        site = Site(self._parts, self.tokens, self.users, around or Surroundings())
        gateway = Gateway(make_application(self._parts, self.office, site), self._parts)
        self._server = uvicorn.Server(_configuration(gateway))
        self._thread = threading.Thread(target=self._serve, name="cloudrock-server", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> Self:
        """Serve, and come back once requests are answered."""
        self._socket.listen(128)
        self._thread.start()
        self._parts.worker.start()
        self._client.get("version/")
        self.office.clear_requests()
        return self

    def stop(self) -> None:
        """End after the requests at hand."""
        self._server.should_exit = True
        self._thread.join()
        self._parts.worker.stop()
        self._client.close()
        self._socket.close()
        self._parts.store.close()
        if self._folder:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def place_order(
        self,
        name: str,
        limits: dict[str, object] | None = None,
        *,
        plan: bool = True,
        approve: bool = True,
        project: str | None = None,
    ) -> str:
        """Order a resource over REST as the customer's owner, and let the provider approve it.

        REST refuses limits at order time: they are put into the item beside it. Gives the order item's uuid.
        """
        body = order_body(
            self.api_url,
            offering=self.offering_uuid,
            project=project or self.project_uuid,
            name=name,
            plan=self.plan_uuid if plan else None,
        )
        answer = self._post("marketplace-orders/", "customer_owner", body)
        item = str(answer.json()["items"][0]["uuid"])
        if limits:
            self.office.set_item_limits(item, limits)
        if approve:
            self._post(f"marketplace-order-items/{item}/approve/", "provider_owner")
        return item

    def _post(self, path: str, actor: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"token {self.tokens[actor]}"}
        return self._client.post(path, json=body, headers=headers).raise_for_status()


def _bound(host: str, port: int) -> socket.socket:
    """A socket on this port of the host. Its protocol is named, so that asyncio sends without delay."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _configuration(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def _with_prefix(notes: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in notes.items() if name.startswith(prefix)}
