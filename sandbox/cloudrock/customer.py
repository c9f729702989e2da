"""python -m sandbox.cloudrock.customer: order from the running stand-in, and see what became of it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.cloudrock.ordering import order_body
from sandbox.slurm import SandboxError

SECONDS = 30
POLL_SECONDS = 0.2
PULL_SECONDS = 180.0
"""The pull side looks for orders every 120 s."""
TOKENS = Path("cloudrock.tokens.json")


class CustomerError(SandboxError):
    """One sentence for the terminal."""


@dataclass(frozen=True)
class Customer:
    """What the customer's owner and the provider's may do; `market` is the stand-in's file of tokens."""

    market: dict[str, Any]

    def call(self, actor: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One REST call as one of its people."""
        url = self.market["api_url"] + path
        headers = {"Authorization": f"token {self.market['tokens'][actor]}"}
        try:
            answer = httpx.request(method, url, json=body, headers=headers, timeout=SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise CustomerError(
                f"the stand-in does not answer at {self.market['api_url']}: {error}"
            ) from None
        if answer.is_error:
            raise CustomerError(f"{method} {path} was refused with {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def order(self, name: str) -> str:
        """Order an allocation, approved by the provider; uuid of the order item, once it has a resource."""
        body = order_body(
            self.market["api_url"],
            offering=self.market["offering_uuid"],
            project=self.market["project_uuid"],
            name=name,
            plan=self.market["plan_uuid"],
        )
        item = str(self.call("customer_owner", "POST", "marketplace-orders/", body)["items"][0]["uuid"])
        self.call("provider_owner", "POST", f"marketplace-order-items/{item}/approve/")
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if "marketplace_resource_uuid" in self.item(item):
                return item
            time.sleep(POLL_SECONDS)
        raise CustomerError(f"the stand-in made no resource for the order item {item} within {SECONDS} s")

    def item(self, item: str) -> dict[str, Any]:
        """An order item, as the provider sees it."""
        found: dict[str, Any] = self.call("provider_owner", "GET", f"marketplace-order-items/{item}/")
        return found

    def resources(self) -> list[dict[str, Any]]:
        """All allocations, oldest first."""
        found: list[dict[str, Any]] = self.call("customer_owner", "GET", "marketplace-resources/")
        return sorted(found, key=lambda resource: str(resource["created"]))

    def account(self, name: str, seconds: float) -> str:
        """The account of the newest allocation of this name, as soon as it is ready for jobs."""
        deadline = time.monotonic() + seconds
        while True:
            named = [resource for resource in self.resources() if resource["name"] == name]
            if not named:
                raise CustomerError(f"there is no allocation {name!r}: `order` makes one, `show` lists them")
            state, account = named[-1]["state"], named[-1]["backend_id"]
            if state == "OK" and account:
                return str(account)
            if time.monotonic() > deadline:
                raise CustomerError(
                    f"{name!r} is still {state} after {seconds:.0f} s: the pull side's log says why"
                )
            time.sleep(POLL_SECONDS)

    def usages(self, resource: str) -> list[dict[str, Any]]:
        """What the marketplace holds of a resource's month: a row by component and plan period."""
        path = f"marketplace-component-usages/?resource_uuid={resource}"
        rows: list[dict[str, Any]] = self.call("provider_owner", "GET", path)
        return rows

    def usage(self, resource: str) -> dict[str, int]:
        """Component to amount, of a resource with one plan period."""
        return {row["type"]: row["usage"] for row in self.usages(resource)}

    def lines(self) -> list[str]:
        """Each allocation with its usage of this month, for a person."""
        lines = []
        for resource in self.resources():
            used = ", ".join(f"{row['type']} {row['usage']}" for row in self.usages(resource["uuid"]))
            account = resource["backend_id"] or "no account yet"
            lines.append(
                f"{resource['name']}: {resource['state']}, {account}, used: {used or 'nothing told yet'}"
            )
        return lines or ["no allocation yet"]


def main() -> int:
    """One command; exit 1 with a sentence when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.cloudrock.customer", description=__doc__)
    parser.add_argument(
        "--tokens",
        type=Path,
        default=TOKENS,
        help="the file that the stand-in wrote (default: ./%(default)s)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    order = commands.add_parser("order", help="order an allocation, approved by the provider")
    order.add_argument("name", help="what the customer calls it")
    account = commands.add_parser("account", help="print the SLURM account of an allocation once it is ready")
    account.add_argument("name", help="what the customer calls it")
    account.add_argument(
        "--seconds", type=float, default=PULL_SECONDS, help="how long to wait for it (default: %(default)s)"
    )
    commands.add_parser("show", help="all allocations: state, account, usage of this month")
    options = parser.parse_args()
    try:
        sys.stdout.write(answer(options) + "\n")
    except CustomerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def answer(options: argparse.Namespace) -> str:
    """What the command prints.

    Raises:
        CustomerError: it cannot be done.
    """
    try:
        customer = Customer(json.loads(options.tokens.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CustomerError(
            f"--tokens: {options.tokens} cannot be read ({error}): the stand-in writes it"
        ) from None
    if options.command == "order":
        item = customer.item(customer.order(options.name))
        return f"ordered: {options.name}, resource {item['marketplace_resource_uuid']}"
    if options.command == "account":
        return customer.account(options.name, options.seconds)
    return "\n".join(customer.lines())


if __name__ == "__main__":
    sys.exit(main())
