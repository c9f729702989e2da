"""What the tests of the stand-in share: a running marketplace, and short words for what is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from sandbox.cloudrock import Marketplace
    from sandbox.cloudrock.back_office import BackOffice


class Bench:
    """A marketplace whose worker runs only when it is told to."""

    def __init__(self, marketplace: Marketplace, client: httpx.Client) -> None:
        self.marketplace = marketplace
        self.client = client

    @property
    def office(self) -> BackOffice:
        return self.marketplace.office

    def call(
        self, method: str, path: str, actor: str = "provider_owner", body: object = None
    ) -> httpx.Response:
        headers = {"Authorization": f"token {self.marketplace.tokens[actor]}"}
        return self.client.request(method, path, json=body, headers=headers)

    def get(self, path: str, actor: str = "provider_owner") -> Any:
        answer = self.call("GET", path, actor)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, actor: str = "provider_owner") -> httpx.Response:
        return self.call("POST", path, actor, body)

    def done(self, path: str, body: object = None, actor: str = "provider_owner") -> httpx.Response:
        """A POST that must succeed."""
        answer = self.post(path, body, actor)
        assert answer.status_code in {200, 201}, f"{answer.status_code} {answer.text}"
        return answer

    # order items and resources

    def executing(self, name: str, *, plan: bool = True) -> tuple[str, str]:
        """An approved and processed Create: its item and its resource."""
        item = self.marketplace.place_order(name, plan=plan)
        self.office.run_worker()
        return item, str(self.office.state_of(item)["resource"])

    def finished(self, name: str) -> str:
        """A resource in state OK with one plan period."""
        _, resource = self.executing(name)
        self.set_state(resource, "creating")
        self.set_state(resource, "ok")
        return resource

    def approved(self, item: str) -> None:
        """The provider approves, the worker processes."""
        self.done(f"marketplace-order-items/{item}/approve/")
        self.office.run_worker()

    def terminating(self, resource: str) -> str:
        """An approved and processed Terminate: its item."""
        order = self.done(f"marketplace-resources/{resource}/terminate/").json()["order_uuid"]
        item: str = self.get(f"marketplace-order-items/?order_uuid={order}")[0]["uuid"]
        self.approved(item)
        return item

    def set_state(self, resource: str, word: str) -> httpx.Response:
        return self.post(f"marketplace-slurm-remote/{resource}/set_state/", {"state": word})

    def act(self, item: str, action: str, body: object = None) -> httpx.Response:
        return self.post(f"marketplace-order-items/{item}/{action}/", body)

    def states(self, item: str) -> tuple[object, object, object]:
        state = self.office.state_of(item)
        return state["item_state"], state["resource_state"], state["allocation_state"]

    # usage

    def periods(self, resource: str) -> list[dict[str, Any]]:
        periods: list[dict[str, Any]] = self.get(f"marketplace-resources/{resource}/plan_periods/")
        return periods

    def report(self, period: str, actor: str = "provider_owner", **amounts: object) -> httpx.Response:
        """Usage by component; two underscores stand for a slash."""
        usages = [{"type": name.replace("__", "/"), "amount": amount} for name, amount in amounts.items()]
        body = {"plan_period": period, "usages": usages}
        return self.post("marketplace-component-usages/set_usage/", body, actor)

    def rows(self, resource: str) -> list[tuple[object, object, object]]:
        return [(row["month"], row["type"], row["amount"]) for row in self.office.usages(resource)]
