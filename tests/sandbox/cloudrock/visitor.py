"""Somebody at the stand-in's page, as far as HTTP goes."""

from __future__ import annotations

import re
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx

from sandbox.cloudrock import Marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = re.compile(r'name="key" value="([^"]+)"')


class Visitor:
    """Somebody with a browser: follows links, presses buttons, reads."""

    def __init__(self, marketplace: Marketplace) -> None:
        self.marketplace = marketplace
        self.office = marketplace.office
        self.web = httpx.Client(base_url=marketplace.page_url, follow_redirects=True, timeout=20)
        self.order_path = f"offerings/{marketplace.offering_uuid}/order/"

    def see(self, path: str = "") -> str:
        answer = self.web.get(path)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    @property
    def key(self) -> str:
        found = KEY.search(self.web.get(self.order_path).text)
        assert found
        return found[1]

    def press(self, path: str, **fields: str) -> httpx.Response:
        form = {"key": self.key, **{name.replace("__", " "): text for name, text in fields.items()}}
        return self.web.post(path, data=form)

    def order(self, name: str = "genomics", **fields: str) -> httpx.Response:
        seeded = {"project": self.marketplace.project_uuid, "plan": self.marketplace.plan_uuid}
        return self.press(self.order_path, **{"name": name, "approved": "yes", **seeded, **fields})

    def made(self, name: str = "genomics", **fields: str) -> tuple[str, str]:
        """Ordered, and carried out as the agent does: its order item and its resource."""
        answer = self.order(name, **fields)
        assert answer.status_code == 200, answer.text
        item = str(answer.url).rstrip("/").rpartition("/")[2]
        self.office.run_worker()
        resource = str(self.office.state_of(item)["resource"])
        for word in ("creating", "ok"):
            self.tell(f"marketplace-slurm-remote/{resource}/set_state/", {"state": word})
        return item, resource

    def tell(self, path: str, body: object = None) -> None:
        self.rest("POST", path, body).raise_for_status()

    def rest(
        self, method: str, path: str, body: object = None, actor: str = "provider_owner"
    ) -> httpx.Response:
        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        return self.web.request(method, f"{self.marketplace.api_url}{path}", json=body, headers=headers)

    def period_of(self, resource: str) -> str:
        periods: list[dict[str, Any]] = self.rest(
            "GET", f"marketplace-resources/{resource}/plan_periods/"
        ).json()
        return next(str(one["uuid"]) for one in periods if one["end"] is None)


@contextmanager
def visiting(**options: Any) -> Iterator[Visitor]:
    with Marketplace(**options) as marketplace:
        marketplace.office.pause_worker()
        visitor = Visitor(marketplace)
        yield visitor
        visitor.web.close()


def alert_of(answer: httpx.Response) -> str:
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    assert found, answer.text
    return unescape(found[1])
