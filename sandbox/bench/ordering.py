"""New orders, and the bare commands that each needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cloudrock.customer import Customer
from sandbox.cloudrock.ordering import order_body

if TYPE_CHECKING:
    from sandbox.stack import Stack
    from slurm_io.commands import Command


def place(stack: Stack, project: str, count: int) -> None:
    """So many approved orders of one project, which the marketplace's worker has seen."""
    market, customer = stack.market, Customer(stack.market)
    for number in range(count):
        body = order_body(
            market["api_url"],
            offering=market["offering_uuid"],
            project=project,
            name=f"ordered {number}",
            plan=market["plan_uuid"],
        )
        item = customer.call("customer_owner", "POST", "marketplace-orders/", body)["items"][0]["uuid"]
        customer.call("provider_owner", "POST", f"marketplace-order-items/{item}/approve/")
    stack.office.run_worker()


def bare_order(account: str, parent: str, users: list[str]) -> tuple[Command, ...]:
    """The two writes that one order needs."""
    above = (f"name={account}", f"parent={parent}", "GrpTRESMins=cpu=600")
    return (
        ("sacctmgr", "-i", "add", "account", *above),
        ("sacctmgr", "-i", "add", "user", f"name={','.join(users)}", f"account={account}"),
    )
