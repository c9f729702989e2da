"""What a part of a plan is about: which kind of order, or none."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, assert_never

from allocations.marketplace import OrderItemType

if TYPE_CHECKING:
    from allocations.marketplace import OrderItem


class Kind(Enum):
    """What a part of the plan is about."""

    CREATE = "Create order"
    UPDATE = "Update order"
    SWITCH = "switch of plan"
    TERMINATE = "Terminate order"
    MEMBERS = "members"
    REPAIR = "repair"
    LEFTOVERS = "empty accounts"
    ABANDONED = "left-over account"


def kind_of(order: OrderItem) -> Kind:
    """What an order asks for; a switch of plan comes as an Update without old limits (contract 3.2)."""
    match order.type:
        case OrderItemType.CREATE:
            return Kind.CREATE
        case OrderItemType.UPDATE:
            return Kind.SWITCH if order.old_limits is None else Kind.UPDATE
        case OrderItemType.TERMINATE:
            return Kind.TERMINATE
        case _:
            assert_never(order.type)
