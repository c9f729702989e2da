"""The half of the door that changes something in Cloudrock.

`repeating.py` says which of these are repeated when no answer came. After `CloudrockUnavailable` with
`may_have_arrived` the caller looks at the order or resource again before it repeats one of the others.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from cloudrock_client import ComponentUsage as Report

from cloudrock_io import sendable
from cloudrock_io.errors import CloudrockRejected, UnexpectedCloudrockData, UnsendableToCloudrock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allocations.marketplace import UserUsage
    from cloudrock_io.states import AllocationTransition
    from cloudrock_io.transport import Transport

BAD_REQUEST = 400
NO_PERIOD = "0" * 32
NO_DATE = "never"


class Telling:
    """What the marketplace is told."""

    _transport: Transport

    def approve_order_item(self, uuid: str) -> None:
        """Accept a pending item; the server's worker then makes the resource.

        Only for pending items: on an executing one the server takes it for `set_order_item_done`.
        """
        self._transport.marketplace_order_item_approve(_item(uuid))

    def set_order_item_executing(self, uuid: str) -> None:
        """Take an erred item up again. Not for pending ones: their resource would never be made."""
        self._transport.marketplace_order_item_set_state_executing(_item(uuid))

    def set_order_item_done(self, uuid: str) -> None:
        """Finish an executing item.

        `CloudrockRejected` 400: it is not executing, perhaps since it is done already.
        `CloudrockServerError`: by contract a permanent one (no resource; limits with a component that is not
        of billing type limit; a Terminate whose allocation already is in state Deleting).
        """
        self._transport.marketplace_order_item_set_state_done(_item(uuid))

    def set_order_item_erred(self, uuid: str, message: str, traceback: str = "") -> None:
        """Fail an item, with words for the customer and a traceback for staff.

        Never for a done one: the item stays done and the resource becomes Erred.
        """
        self._transport.marketplace_order_item_set_state_erred(_item(uuid), message, traceback)

    def set_resource_backend_id(self, resource_uuid: str, account: str) -> None:
        """Record the SLURM account at the resource (255 characters at most)."""
        name = sendable.text("the resource's backend id", account)
        self._transport.marketplace_resource_set_backend_id(_resource(resource_uuid), name)

    def set_allocation_backend_id(self, resource_uuid: str, account: str) -> None:
        """Record the SLURM account at the resource's allocation, which keeps its own."""
        name = sendable.text("the allocation's backend id", account)
        self._transport.set_slurm_allocation_backend_id(_resource(resource_uuid), name)

    def set_allocation_state(self, resource_uuid: str, transition: AllocationTransition) -> None:
        """Move the resource's allocation. `CloudrockConflict`: not possible from the state it is in."""
        self._transport.set_slurm_allocation_state(_resource(resource_uuid), transition)

    def set_allocation_limits(self, resource_uuid: str, limits: Mapping[str, int]) -> None:
        """Replace the resource's limits, in measured units; {} clears them.

        The server checks nothing: a component that is not of billing type limit makes later Update orders
        fail for ever.
        """
        checked = sendable.amounts("the limit", limits)
        self._transport.set_slurm_allocation_limits(_resource(resource_uuid), checked)

    def create_association(self, resource_uuid: str, username: str) -> None:
        """Associate a user with the allocation; once more changes nothing. The case is kept as given.

        `CloudrockRejected` 400: no FreeIPA profile, or more than one, has this name.
        """
        name = sendable.text("the associated user's name", username)
        self._transport.create_slurm_association(_resource(resource_uuid), name)

    def delete_association(self, resource_uuid: str, username: str) -> None:
        """Remove a user from the allocation; the case matters.

        `CloudrockRejected` 400: there is no such association, or no such FreeIPA profile any more.
        """
        name = sendable.text("the associated user's name", username)
        self._transport.delete_slurm_association(_resource(resource_uuid), name)

    def report_usage(
        self,
        plan_period_uuid: str,
        amounts: Mapping[str, int],
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        """Set what the period used in the server's current month (UTC), per component type.

        In measured units. Sets, never adds; components not named keep theirs. Always name all: the
        resource's summary shows the last report alone. `descriptions` are what people read beside an amount;
        a component without one loses the one it had. The month is that of the server's clock on arrival,
        so stay `patience.longest_call_seconds` away from its turn.

        `CloudrockRejected` 400: an unknown component, a closed period, or a resource that is neither OK,
        Updating nor Terminating. Nothing is stored then.
        """
        uuid = sendable.uuid("the plan period's uuid", plan_period_uuid)
        reports = [Report(**one) for one in _usages(amounts, descriptions or {})]
        self._transport.create_component_usages(uuid, reports)

    def report_dated_usage(
        self,
        plan_period_uuid: str,
        amounts: Mapping[str, int],
        moment: datetime,
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        """Set what the period used in the month of this moment, per component type.

        Only for a server that `books_dated_usage`. Any other ignores the moment, answers as if all were well,
        and books the amounts under its current month.
        """
        payload: dict[str, object] = {
            "plan_period": sendable.uuid("the plan period's uuid", plan_period_uuid),
            "date": moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "usages": _usages(amounts, descriptions or {}),
        }
        self._transport.set_dated_component_usage(payload)

    def books_dated_usage(self) -> bool:
        """Whether the server books a usage report under the month that it names. Writes nothing.

        Asked by a report that no server can accept: of a plan period that does not exist, about nothing, at
        a date that is none. A server that knows the date complains about it; one that ignores it does not.
        """
        impossible: dict[str, object] = {"plan_period": NO_PERIOD, "date": NO_DATE, "usages": []}
        try:
            self._transport.set_dated_component_usage(impossible)
        except CloudrockRejected as refusal:
            if refusal.status != BAD_REQUEST:
                raise
            return any(reason.partition(":")[0] == "date" for reason in refusal.reasons)
        raise UnexpectedCloudrockData("a usage report for no plan period", "a refusal", "an acceptance")

    def update_components(self, offering_uuid: str, components: Sequence[Mapping[str, object]]) -> None:
        """Give the offering this whole set of components, each with all of its fields.

        A field that is left out is reset. A type that is left out is removed: in every offering of the
        marketplace, with all its usage, if this one never had a resource. So nothing may be left out.
        """
        uuid = sendable.uuid("the offering's uuid", offering_uuid)
        if not components:
            raise UnsendableToCloudrock("an offering's components", "one at least", "none")
        self._transport.set_offering_components(uuid, [dict(one) for one in components])

    def report_user_usage(self, resource_uuid: str, usage: UserUsage) -> None:
        """Set what one user used in one month, past months too. Sets, never adds.

        The `user` key is always sent, as null: without it the server fails, and with an address it keeps a
        second row for the same name.
        """
        payload: dict[str, object] = {
            "username": sendable.text("the user's name", usage.username),
            "year": usage.year,
            "month": usage.month,
            "cpu_usage": sendable.amount("the user's cpu usage", usage.cpu),
            "gpu_usage": sendable.amount("the user's gpu usage", usage.gpu),
            "ram_usage": sendable.amount("the user's ram usage", usage.ram),
            "user": None,
        }
        self._transport.set_slurm_allocation_user_usage(_resource(resource_uuid), payload)


def _usages(amounts: Mapping[str, int], descriptions: Mapping[str, str]) -> list[dict[str, Any]]:
    checked = sendable.amounts("the used amount", amounts)
    if not checked:
        raise UnsendableToCloudrock("a usage report", "about one component at least", "empty")
    return [
        {
            "type": component,
            "amount": amount,
            "description": sendable.description("the usage's description", descriptions.get(component, "")),
        }
        for component, amount in checked.items()
    ]


def _item(uuid: str) -> str:
    return sendable.uuid("the order item's uuid", uuid)


def _resource(uuid: str) -> str:
    return sendable.uuid("the resource's uuid", uuid)
