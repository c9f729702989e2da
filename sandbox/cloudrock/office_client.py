"""The back office from another process."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable


class OfficeClient:
    """Has every method of the BackOffice, with keyword arguments: `office.pause_worker()`."""

    def __init__(self, api_url: str, staff_token: str) -> None:
        headers = {"Authorization": f"token {staff_token}"}
        self._client = httpx.Client(
            base_url=urljoin(api_url, "/sandbox/"), headers=headers, timeout=60, trust_env=False
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def __getattr__(self, name: str) -> Callable[..., object]:
        def perform(**arguments: object) -> object:
            answer = self._client.post(f"{name}/", json=arguments)
            body = answer.json()
            if answer.is_error:
                raise LookupError(f"{name}: {body['detail']}")
            result: object = body["answer"]
            return result

        return perform
