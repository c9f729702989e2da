"""What the buttons do: the REST handlers' own work, as the customer's owner and the provider's.

One button is one transaction. What REST refuses is refused here, by the same code and in the same words;
limits can be ordered, as at a later server.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandbox.cloudrock import order_items, orders, resources
from sandbox.cloudrock.call import Call
from sandbox.cloudrock.ordering import order_body
from sandbox.cloudrock.tables import Order, OrderItem, User
from sandbox.cloudrock.tokens import authenticate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.cloudrock.call import Reply
    from sandbox.cloudrock.parts import Parts

CUSTOMER, PROVIDER = "customer_owner", "provider_owner"
BASE = "http://marketplace"


@dataclass(frozen=True)
class Wish:
    """What a new allocation shall be."""

    project: str
    offering: str
    plan: str
    name: str
    limits: Mapping[str, str]
    """By component, as they were typed."""


@dataclass(frozen=True)
class Desk:
    """Where buttons are pressed. Each gives the uuid of the order item that it is about."""

    parts: Parts
    tokens: Mapping[str, str]
    """By actor."""

    def place(self, wish: Wish, *, approved: bool) -> str:
        """Order a new allocation."""
        body = order_body(
            f"{BASE}/api/",
            offering=wish.offering,
            project=wish.project,
            name=wish.name,
            plan=wish.plan,
            limits=wish.limits,
        )
        return self._order(orders.create_order, {}, body, approved=approved)

    def change_limits(self, resource: str, limits: Mapping[str, str], *, approved: bool) -> str:
        """Order other limits."""
        body = {"limits": dict(limits)}
        return self._order(resources.update_limits, {"uuid": resource}, body, approved=approved)

    def switch_plan(self, resource: str, plan: str, *, approved: bool) -> str:
        """Order another plan."""
        body = {"plan": f"{BASE}/api/marketplace-public-plans/{plan}/"}
        return self._order(resources.switch_plan, {"uuid": resource}, body, approved=approved)

    def terminate(self, resource: str, *, approved: bool) -> str:
        """Order the resource's end."""
        return self._order(resources.terminate, {"uuid": resource}, {}, approved=approved)

    def approve(self, item: str) -> str:
        """As the provider: begin with what was ordered."""
        with self._calls(PROVIDER) as calls:
            order_items.approve(calls[PROVIDER], item)
        return item

    def reject(self, item: str) -> str:
        """As the provider: do not."""
        with self._calls(PROVIDER) as calls:
            order_items.reject(calls[PROVIDER], item)
        return item

    def _order(
        self,
        handler: Callable[..., Reply],
        address: Mapping[str, str],
        body: Mapping[str, object],
        *,
        approved: bool,
    ) -> str:
        actors = (CUSTOMER, PROVIDER) if approved else (CUSTOMER,)
        with self._calls(*actors) as calls:
            call = replace(calls[CUSTOMER], body=body)
            item = _item_of(call, handler(call, **address))
            if approved:
                order_items.approve(calls[PROVIDER], item)
        return item

    @contextmanager
    def _calls(self, *actors: str) -> Iterator[dict[str, Call]]:
        """A call for each of them, in one transaction; then the worker is told what was approved."""
        now = self.parts.clock.now()
        names = {
            actor: authenticate(self.parts.store, f"token {self.tokens[actor]}", now) for actor in actors
        }
        approved: list[str] = []
        with self.parts.store.writing() as session:
            yield {
                actor: Call(
                    session=session,
                    user=session.scalars(select(User).where(User.username == name)).one(),
                    now=now,
                    method="POST",
                    path="",
                    base=BASE,
                    query=[],
                    body={},
                    switches=replace(self.parts.switches, limits_orders=True),
                    approved=approved,
                )
                for actor, name in names.items()
            }
        if approved:
            self.parts.worker.call()


def _item_of(call: Call, reply: Reply) -> str:
    """The one item of the order that an answer tells of."""
    body = reply.body if isinstance(reply.body, dict) else {}
    uuid = body.get("order_uuid", body.get("uuid"))
    query = select(OrderItem.uuid).join(OrderItem.order).where(Order.uuid == uuid)
    return call.session.scalars(query).one()
