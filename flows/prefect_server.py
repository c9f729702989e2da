"""Prefect's server, asked by hand: one clear sentence for what it refuses, or when it does not answer."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import get_client

from allocations.deployments import OUR_TAG, overdue
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from prefect.client.orchestration import SyncPrefectClient

SECONDS = 60.0
"""The longest that one request may take."""
MOST = 200
"""The server lists no more at once."""
NEXT = 100
"""Runs of a deployment that are looked at, all its schedules together."""
UNAUTHORIZED, NOT_FOUND = 401, 404
NOT_LET_IN = (
    "PREFECT_API_AUTH_STRING: the Prefect server takes nobody without a name and a password: expected the "
    "words of its own PREFECT_SERVER_API_AUTH_STRING"
)
NOTIFIER = "notify"
"""The capability of a block through which somebody can be notified."""


class NotLetIn(SettingsError):  # noqa: N818 - names the fact
    """The server wants a name and a password, or others."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server at PREFECT_API_URL."""

    client: SyncPrefectClient

    def ask(
        self,
        method: Any,  # noqa: ANN401 - one of Prefect's literals, as the route is
        route: Any,  # noqa: ANN401 - the same
        body: object = None,
        *,
        or_none: bool = False,
        **path: object,
    ) -> Any:  # noqa: ANN401 - JSON
        """One call; `path` fills in the route, and `or_none` makes None of a 404.

        Raises:
            NotLetIn: it wants a name and a password, or others.
            SettingsError: the server refuses, or does not answer, or is none of Prefect's.
        """
        try:
            answer = self.client.request(method, route, path_params=path or None, json=body)
        except httpx.HTTPStatusError as refusal:
            if or_none and refusal.response.status_code == NOT_FOUND:
                return None
            if refusal.response.status_code == UNAUTHORIZED:
                raise NotLetIn(NOT_LET_IN) from None
            said = refusal.response.text[:300]
            raise SettingsError(
                f"PREFECT_API_URL: the Prefect server refused {method} {route} with "
                f"{refusal.response.status_code}: {said}"
            ) from None
        except (httpx.HTTPError, OSError) as failure:
            raise SettingsError(
                f"PREFECT_API_URL: the Prefect server did not answer {method} {route} "
                f"({type(failure).__name__}: {failure}): expected a running one; run it again"
            ) from None
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise SettingsError(
                f"PREFECT_API_URL: the answer to {method} {route} is not what a Prefect server says: "
                "expected the address of one, which ends with /api"
            ) from None

    def listed(self, route: Any, body: Mapping[str, object] | None = None) -> list[dict[str, Any]]:  # noqa: ANN401
        """Everything that a filter finds, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.ask("POST", route, {**(body or {}), "limit": MOST, "offset": len(found)})
            found += page
            if len(page) < MOST:
                return found

    def overdue(self, deployments: Iterable[Mapping[str, Any]], now: datetime) -> dict[str, str]:
        """Deployment of ours to how much later its next run is than its schedule says (`overdue`)."""
        found = {}
        for one in deployments:
            if OUR_TAG in (one.get("tags") or ()) and not one.get("paused"):
                wanted = {
                    "deployment_id": {"any_": [one["id"]]},
                    "state": {"type": {"any_": ["SCHEDULED"]}},
                    "next_scheduled_start_time": {"after_": now.isoformat()},
                }
                body = {"flow_runs": wanted, "sort": "NEXT_SCHEDULED_START_TIME_ASC", "limit": NEXT}
                if words := overdue(one, self.ask("POST", "/flow_runs/filter", body), now):
                    found[str(one["name"])] = words
        return found

    def notification_blocks(self) -> dict[str, str]:
        """Name to id of the blocks through which somebody can be notified."""
        able = {"block_schemas": {"block_capabilities": {"all_": [NOTIFIER]}}}
        found = self.listed("/block_documents/filter", able)
        return {str(one["name"]): str(one["id"]) for one in found if one.get("name")}


@contextmanager
def open_server() -> Iterator[Server]:
    """The server, for some calls."""
    with get_client({"timeout": SECONDS}, sync_client=True) as client:
        yield Server(client)
