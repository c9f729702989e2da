"""python-cloudrock-client with a safe request core.

The library supplies addresses, payloads and endpoints. Overruled here, since version 0.1.7 has no timeouts
and no session, repeats a 409 three times and loses the server's words, and lets the URL grow while it pages.
"""

from __future__ import annotations

import json as json_text
from typing import TYPE_CHECKING, Never
from urllib.parse import urlsplit

from cloudrock_client import CloudrockClient

from cloudrock_io.connection import Connection
from cloudrock_io.errors import CloudrockNotFound, UnexpectedCloudrockData
from cloudrock_io.reasons import one_line

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import datetime

    import requests

    from cloudrock_io.connection import Query
    from cloudrock_io.repeating import Patience

PAGE_SIZE = 300
"""Rows per page: as many as the server gives, for each page costs it seconds."""
MOST_PAGES = 1000


class Transport(CloudrockClient):  # type: ignore[misc]  # the library ships no types
    """The library's client over one `Connection`: its endpoints, our HTTP."""

    def __init__(self, api_url: str, token: str, *, verify_ssl: bool, patience: Patience) -> None:
        self._connection = Connection(api_url, token, verify_ssl=verify_ssl, patience=patience)
        super().__init__(api_url, access_token="")  # the connection alone keeps the token

    @property
    def server_time(self) -> datetime | None:
        """The server's clock at the last answer."""
        return self._connection.server_time

    def close(self) -> None:
        """Close the pooled connections."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"Transport({self.api_url!r})"

    def __reduce__(self) -> Never:
        """Refuse to be pickled: the token would travel along."""
        raise TypeError("A connection to Cloudrock holds a token and open sockets: make one where it is used")

    # What the library's methods call

    def _make_request(
        self,
        method: str,
        url: str,
        valid_states: Container[int],  # noqa: ARG002  # any 2xx will do
        retry_count: int = 1,  # noqa: ARG002  # `Patience` decides
        *,
        params: Query | None = None,
        json: object = None,
    ) -> object:
        response = self._connection.send(method.upper(), url, params=params, json=json)
        if method == "post" and not response.content:
            return ""
        return _json(response)

    def _query_resource_by_uuid(self, endpoint: str, value: str, extra: object = None) -> object:  # noqa: ARG002
        """One object. The library raises errors of its own for empty answers and takes lists for objects."""
        return self._get(self._build_resource_url(endpoint, value), valid_states=[200])

    def _get_all(self, url: str, *, params: Query | None = None) -> list[object]:
        """All pages. A row that moved to a later page meanwhile is returned once."""
        response = self._connection.send("GET", url, params={**(params or {}), "page_size": PAGE_SIZE})
        rows = _rows(response)
        seen = {urlsplit(str(response.url)).query}
        while following := response.links.get("next", {}).get("url"):
            query = urlsplit(following).query  # only this: the link's host and scheme may be a proxy's
            if query in seen or len(seen) >= MOST_PAGES:
                raise UnexpectedCloudrockData(
                    f"the pages of {url}", "a last one", f"a loop or more than {MOST_PAGES} pages"
                )
            seen.add(query)
            try:
                response = self._connection.send("GET", f"{url}?{query}")
            except CloudrockNotFound:  # "Invalid page.": the list became shorter meanwhile
                break
            rows += _rows(response)
        return _without_repeats(rows)

    # What this project needs and the library lacks or has wrong

    def get_me(self) -> object:
        """The token's user."""
        fields = ["uuid", "username", "is_staff", "token_lifetime", "customer_permissions"]
        return self._get(self._build_url("users/me"), valid_states=[200], params={"field": fields})

    def get_marketplace_resource_details(self, resource_uuid: str) -> object:
        """The allocation behind a resource: the provider's only way to it (contract 5)."""
        url = self._build_resource_url(self.Endpoints.MarketplaceResources, resource_uuid, "details")
        return self._get(url, valid_states=[200])

    def list_offering_component_usages(self, offering_uuid: str, billing_period: str) -> list[object]:
        """What all of an offering's resources used in a month; the library lists one resource's only."""
        query: Query = {
            "offering_uuid": offering_uuid,
            "billing_period": billing_period,
        }
        return self._get_all(self._build_url(self.Endpoints.ComponentUsage), params=query)

    def list_slurm_allocation_user_usage(self, filters: Query | None = None) -> list[object]:
        """The library asks at slurm-allocation-user-usages, which does not exist."""
        return self._get_all(self._build_url("slurm-allocation-user-usage"), params=filters)

    def set_offering_components(self, offering_uuid: str, components: list[dict[str, object]]) -> None:
        """The library's method drops fields that are empty, and so resets them."""
        url = self._build_resource_url(
            self.Endpoints.MarketplaceProviderOffering, offering_uuid, "update_components"
        )
        self._post(url, valid_states=[200], json=components)

    def set_dated_component_usage(self, payload: dict[str, object]) -> None:
        """The library's method has no place for a date."""
        url = self._build_url(f"{self.Endpoints.ComponentUsage}/set_usage/")
        self._post(url, valid_states=[201], json=payload)

    def set_slurm_allocation_user_usage(self, resource_uuid: str, payload: dict[str, object]) -> None:
        """The library has no method for it."""
        url = self._build_resource_url(self.Endpoints.MarketplaceSlurmRemote, resource_uuid, "set_usage")
        self._post(url, valid_states=[200], json=payload)


def _json(response: requests.Response) -> object:
    try:
        answer: object = json_text.loads(response.content)
    except (ValueError, RecursionError):
        kind = one_line(response.headers.get("Content-Type", "no content type"))
        got = f"{len(response.content)} bytes of {kind}: is the API address right"
        raise UnexpectedCloudrockData(_what(response), "JSON", got) from None
    return answer


def _rows(response: requests.Response) -> list[object]:
    answer = _json(response)
    if not isinstance(answer, list):
        raise UnexpectedCloudrockData(_what(response), "a list", type(answer).__name__)
    return answer


def _what(response: requests.Response) -> str:
    return f"the answer to {response.request.method} {str(response.url).split('?', 1)[0]}"


def _without_repeats(rows: list[object]) -> list[object]:
    """The rows, those with a uuid once each (the first one), in their order."""
    by_uuid: dict[object, object] = {}
    for position, row in enumerate(rows):
        uuid = row.get("uuid") if isinstance(row, dict) else None
        by_uuid.setdefault(uuid if isinstance(uuid, str) else position, row)
    return list(by_uuid.values())
