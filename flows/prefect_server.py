"""Prefect's server, asked by hand: one clear sentence for what it refuses, or when it does not answer."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import get_client

from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient

SECONDS = 60.0
"""The longest that one request may take."""
MOST = 200
"""The server lists no more at once."""
UNAUTHORIZED, NOT_FOUND = 401, 404
NOT_LET_IN = (
    "PREFECT_API_AUTH_STRING: the Prefect server takes nobody without a name and a password: expected the "
    "words of its own PREFECT_SERVER_API_AUTH_STRING"
)
NOTIFIER = "notify"
"""The capability of a block through which somebody can be notified."""


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
            SettingsError: the server refuses, or does not answer.
        """
        try:
            answer = self.client.request(method, route, path_params=path or None, json=body)
        except httpx.HTTPStatusError as refusal:
            if or_none and refusal.response.status_code == NOT_FOUND:
                return None
            if refusal.response.status_code == UNAUTHORIZED:
                raise SettingsError(NOT_LET_IN) from None
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
        return answer.json() if answer.content else None

    def listed(self, route: Any, body: Mapping[str, object] | None = None) -> list[dict[str, Any]]:  # noqa: ANN401
        """Everything that a filter finds, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.ask("POST", route, {**(body or {}), "limit": MOST, "offset": len(found)})
            found += page
            if len(page) < MOST:
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
