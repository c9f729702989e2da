"""Sends every recorded request to the stand-in, does what happened beside HTTP, and compares the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.sandbox.cloudrock.recording import NAMED_HEADERS, Exchange, Names, differences

if TYPE_CHECKING:
    import httpx

    from sandbox.cloudrock import Marketplace
    from sandbox.cloudrock.back_office import BackOffice

PARTS = {
    "offering_uuid": "537bdaa7c001571d8956d0ba30a3726d",
    "plan_uuid": "ce0b457b0bd6598b89f3c08296c5151e",
    "project_uuid": "0ca16630c1085d2f8e71b793c0824953",
    "service_provider_uuid": "270365891ac551fb9bc9f4d2a310384d",
}


@dataclass
class Replay:
    """A running stand-in in the recording's starting state, and the names found so far."""

    marketplace: Marketplace
    client: httpx.Client
    names: Names

    @classmethod
    def of(cls, marketplace: Marketplace, client: httpx.Client) -> Replay:
        replay = cls(marketplace, client, Names(marketplace.api_url.removesuffix("/api/")))
        for attribute, recorded in PARTS.items():
            replay.bind(recorded, getattr(marketplace, attribute))
        return replay

    @property
    def office(self) -> BackOffice:
        return self.marketplace.office

    def our(self, recorded: str) -> str:
        return self.names.ours[recorded]

    def bind(self, recorded: str, our: str) -> None:
        assert self.names.bind(recorded, our), (
            f"{recorded} already stands for {self.names.ours.get(recorded)}"
        )

    def differences(self, exchange: Exchange) -> list[str]:
        """What our answer has otherwise than the recorded one."""
        answer = self._send(exchange)
        recorded = exchange.response
        found = []
        if answer.status_code != recorded["status"]:
            found.append(
                f"status: {recorded['status']} recorded, {answer.status_code} ours: {answer.text[:300]}"
            )
            return found
        kind = recorded["headers"].get("Content-Type", "").partition(";")[0]
        our_kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if kind != our_kind:
            found.append(f"Content-Type: {kind!r} recorded, {our_kind!r} ours")
        if answer.status_code != 500:
            body = answer.json() if our_kind == "application/json" and answer.text else answer.text
            found.extend(differences(recorded["body"], body, self.names))
        for header in NAMED_HEADERS:
            theirs, ours = recorded["headers"].get(header), answer.headers.get(header)
            if (self.names.translated(theirs) if theirs else theirs) != ours:
                found.append(f"{header}: {theirs!r} recorded, {ours!r} ours")
        return found

    def _send(self, exchange: Exchange) -> httpx.Response:
        request = exchange.request
        headers = {}
        if exchange.actor != "anonymous":
            token = self.marketplace.tokens.get(exchange.actor, "0" * 40)
            headers["Authorization"] = f"token {token}"
        body = request["body"]
        if body is not None:
            headers["Content-Type"] = "application/json"
        query = [
            (name, self.names.translated(value))
            for name, values in request["query"].items()
            for value in (values if isinstance(values, list) else [values])
        ]
        return self.client.request(
            request["method"],
            self.names.translated(request["path"]),
            params=query,
            content=None if body is None else self._body(body),
            headers=headers,
        )

    def _body(self, body: object) -> str:
        """The recorder wrote TOKEN for every 40 hex digits, also in a long text."""
        return self.names.translated(json.dumps(body)).replace("TOKEN", "d" * 40)

    # what the steps beside HTTP are made of

    def ask(self, method: str, path: str, actor: str = "staff", body: object = None) -> httpx.Response:
        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        answer = self.client.request(method, f"/api/{path}", json=body, headers=headers)
        return answer.raise_for_status()

    def item(self, name: str, recorded: str | None = None) -> str:
        """A Create order of staff, whose item waits for the provider."""
        wanted = {
            "offering": f"/api/marketplace-public-offerings/{self.marketplace.offering_uuid}/",
            "plan": f"/api/marketplace-public-plans/{self.marketplace.plan_uuid}/",
            "attributes": {"name": name},
        }
        order = {"project": f"/api/projects/{self.marketplace.project_uuid}/", "items": [wanted]}
        item: str = self.ask("POST", "marketplace-orders/", body=order).json()["items"][0]["uuid"]
        if recorded:
            self.bind(recorded, item)
        return item

    def executing(self, name: str, item: str | None = None, resource: str | None = None) -> str:
        """The same, approved and processed. Gives our resource."""
        return self.approved(self.item(name, item), resource)

    def approved(self, item: str, resource: str | None = None) -> str:
        self.ask("POST", f"marketplace-order-items/{item}/approve/", "provider_owner")
        self.office.run_worker()
        made = str(self.office.state_of(item)["resource"])
        if resource:
            self.bind(resource, made)
        return made

    def finished(
        self, name: str, resource: str | None = None, limits: dict[str, object] | None = None
    ) -> str:
        """A resource in state OK with these limits and one open plan period."""
        made = self.executing(name, None, resource)
        for word in ("creating", "ok"):
            self.ask("POST", f"marketplace-slurm-remote/{made}/set_state/", body={"state": word})
        self.ask(
            "POST", f"marketplace-slurm-remote/{made}/set_limits/", body=limits or {"cpu": 10, "mem": 20}
        )
        return made

    def update(self, resource: str, limits: dict[str, object], item: str, *, approve: bool = True) -> None:
        """An order to change limits, put in beside REST."""
        ours = self.office.insert_update_order(resource, limits)
        self.bind(item, ours)
        if approve:
            self.approved(ours)

    def terminating(self, resource: str, item: str) -> None:
        """An order of the provider to end a resource, approved and processed."""
        order = self.ask("POST", f"marketplace-resources/{resource}/terminate/", "provider_owner").json()
        self.bind_item(item, order["order_uuid"])
        self.approved(self.our(item))

    def bind_item(self, recorded: str, order: str) -> None:
        """Find out the only item of an order."""
        items = self.ask("GET", f"marketplace-order-items/?order_uuid={order}").json()
        assert len(items) == 1
        self.bind(recorded, items[0]["uuid"])

    def bind_period(self, recorded: str, resource: str) -> None:
        """Find out the only open plan period of a resource."""
        periods = self.ask("GET", f"marketplace-resources/{resource}/plan_periods/").json()
        assert [one["end"] for one in periods] == [None]
        self.bind(recorded, periods[0]["uuid"])
