"""`cloudrock-slurm retry ORDER_ITEM`: an erred order item is executing again; the next pull takes it."""

from __future__ import annotations

import sys

from allocations.marketplace import OrderItemState
from cloudrock_slurm.ending import FAILED, calm_ending
from flows.doors import open_cloudrock
from flows.settings import load_settings


def retry(order_item: str) -> int:
    """Set one erred item executing; 1 when it is not erred."""
    with calm_ending(), open_cloudrock(load_settings()) as cloudrock:
        item = cloudrock.fetch_order_item(order_item)
        if item.state is not OrderItemState.ERRED:
            sys.stderr.write(
                f"the order item {item.uuid} ({item.name!r}) is {item.state.value}: expected an erred one\n"
            )
            return FAILED
        cloudrock.set_order_item_executing(item.uuid)
        sys.stdout.write(f"{item.type.value} order {item.uuid} ({item.name!r}) is executing again: ")
        sys.stdout.write("the next pull carries it out\n")
        return 0
