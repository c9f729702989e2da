"""The marketplace's answers and states in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cloudrock.errors import ApiError

if TYPE_CHECKING:
    from sandbox.cloudrock.tables import OrderItem

PLACES = frozenset({"non_field_errors", "detail", "details", "items"})
"""Where complaints stand that are about no field."""
UNDER_WAY = ("pending", "executing")
"""The states of an order item that is not finished."""


def sentence_of(error: Exception) -> str:
    """What the marketplace said, as one sentence."""
    if not isinstance(error, ApiError):
        return f"The marketplace broke (500): {error}."
    said = "; ".join(_complaints(error.body, "")) or "no reason given"
    return f"The marketplace refused it ({error.status}): {said.rstrip('.')}."


def _complaints(body: object, place: str) -> list[str]:
    """Every text in an error's body, each behind the field that it is about."""
    if isinstance(body, dict):
        found = [
            _complaints(inner, place if name in PLACES else _within(place, str(name)))
            for name, inner in body.items()
        ]
        return [text for texts in found for text in texts]
    if isinstance(body, list):
        return [text for inner in body for text in _complaints(inner, place)]
    return [f"{place}: {body}" if place else str(body)]


def _within(place: str, name: str) -> str:
    return f"{place} {name}" if place else name


def next_step(item: OrderItem) -> str:
    """What an order waits for, or how it ended."""
    match item.state:
        case "pending":
            return "It waits until the provider approves it."
        case "executing" if item.waits_for_worker or item.resource is None:
            return "The marketplace's own worker is about to hand it on."
        case "executing":
            return "It waits for the next pull-orders, which carries it out on the cluster."
        case "done":
            return "It is carried out."
        case "erred":
            return "It failed. When the cause is mended, this takes it up again:"
        case _:
            return "It was rejected."


def what(item: OrderItem) -> str:
    """What the order item asks for."""
    if item.type == "Create":
        return "New allocation"
    if item.type == "Terminate":
        return "End of the allocation"
    return "Switch of plan" if item.old_plan is not None else "Other limits"
