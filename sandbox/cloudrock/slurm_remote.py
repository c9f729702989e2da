"""marketplace-slurm-remote: what an integration tells the marketplace about its SLURM cluster.

Not filtered by visibility: a stranger gets 403 here, not 404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from sandbox.cloudrock import lifecycle
from sandbox.cloudrock.backend_ids import named
from sandbox.cloudrock.call import Call, Reply
from sandbox.cloudrock.checks import WrongError, checked, integer, nullable, text
from sandbox.cloudrock.errors import ConflictError, ForbiddenError, RefusedError
from sandbox.cloudrock.routing import Routes
from sandbox.cloudrock.tables import FreeIpaProfile, Resource, User
from sandbox.cloudrock.usage_tables import Association, UserUsage
from sandbox.cloudrock.usages import copy_totals

if TYPE_CHECKING:
    from sandbox.cloudrock.tables import Allocation

ROUTES = Routes()
ONE = "marketplace-slurm-remote/{uuid}/"
ROUTES.known("marketplace-slurm-remote/")
ROUTES.known(ONE)

STATE_NUMBERS = {
    "Update Scheduled": 1,
    "Updating": 2,
    "OK": 3,
    "Erred": 4,
    "Creation Scheduled": 5,
    "Creating": 6,
    "Deletion Scheduled": 7,
    "Deleting": 8,
}
ANY = frozenset(STATE_NUMBERS)
STEPS: dict[str, tuple[frozenset[str], str]] = {
    "creating": (frozenset({"Creation Scheduled"}), "Creating"),
    "updating": (frozenset({"Update Scheduled"}), "Updating"),
    "deleting": (frozenset({"Deletion Scheduled"}), "Deleting"),
    "update_scheduled": (frozenset({"OK", "Erred"}), "Update Scheduled"),
    "deletion_scheduled": (frozenset({"OK", "Erred"}), "Deletion Scheduled"),
    "ok": (ANY, "OK"),
    "erred": (ANY, "Erred"),
}
USERNAME = r"[a-zA-Z0-9_.][a-zA-Z0-9_.-]*[a-zA-Z0-9_.$-]?"
TOTAL = "TOTAL_ACCOUNT_USAGE"


def _served(call: Call, uuid: str) -> Resource:
    resource = call.find(Resource, uuid)
    if not call.roles.serves_offering(resource.offering):
        raise ForbiddenError
    return resource


@ROUTES.post(ONE + "set_state/")
def set_state(call: Call, uuid: str) -> Reply:
    """Lead the allocation to its next state; some steps finish or fail the order."""
    resource = _served(call, uuid)
    word = str(checked(call.body, {"state": text(18)})["state"])
    if word not in STEPS:
        raise RefusedError(["Invalid state: a corresponding method for transition is absent"])
    sources, target = STEPS[word]
    before = resource.allocation.state
    if before not in sources:
        raise ConflictError(f"Allocation state can not be changed from {STATE_NUMBERS[before]} to {word}.")
    resource.allocation.state = target
    resource.allocation.modified = call.now
    lifecycle.allocation_changed(call.session, resource, before, call.now)
    return Reply({"detail": f"Allocation state has been changed to {word}"})


@ROUTES.post(ONE + "set_backend_id/")
def set_backend_id(call: Call, uuid: str) -> Reply:
    """Name the allocation's account; the resource has a name of its own."""
    return named(call, _served(call, uuid).allocation)


@ROUTES.post(ONE + "set_limits/")
def set_limits(call: Call, uuid: str) -> Reply:
    """Replace the resource's limits, whole and unchecked."""
    resource = _served(call, uuid)
    if not isinstance(call.body, dict):
        raise RefusedError(
            [f"The payload must have dictionary type, not <class '{type(call.body).__name__}'>."]
        )
    resource.limits = dict(call.body)
    resource.modified = call.now
    return Reply({"status": "Limits are successfully set."})


@ROUTES.post(ONE + "create_association/")
def create_association(call: Call, uuid: str) -> Reply:
    """Note that a username may use the allocation, spelled as it was given."""
    allocation = _served(call, uuid).allocation
    username = _profiled_username(call)
    if _association(call, allocation, username) is not None:
        return Reply({"detail": "Association between the allocation and the username already exists."})
    call.session.add(Association(allocation=allocation, username=username, created=call.now))
    return Reply(
        {"detail": "Association between the allocation and the username has been successfully created."}, 201
    )


@ROUTES.post(ONE + "delete_association/")
def delete_association(call: Call, uuid: str) -> Reply:
    """Take it back: of exactly this spelling, and only while the username has a profile."""
    allocation = _served(call, uuid).allocation
    association = _association(call, allocation, _profiled_username(call))
    if association is None:
        raise RefusedError(["Association between the allocation and the username does not exist."])
    call.session.delete(association)
    return Reply(
        {"detail": "Association between the allocation and the username has been successfully deleted."}
    )


def _association(call: Call, allocation: Allocation, username: str) -> Association | None:
    return call.session.scalar(
        select(Association).where(
            Association.allocation_id == allocation.id, Association.username == username
        )
    )


def _profiled_username(call: Call) -> str:
    """The username of the body, which exactly one FreeIPA profile must have, in any case."""
    check = text(32, pattern=USERNAME, complaint="Enter a valid username.")
    username = str(checked(call.body, {"username": check})["username"])
    profiles = call.session.scalar(
        select(func.count(FreeIpaProfile.id)).where(func.lower(FreeIpaProfile.username) == username.lower())
    )
    if profiles != 1:
        raise RefusedError(["There is no FreeIPA profile with the given username (case insensitive search)."])
    return username


@ROUTES.post(ONE + "set_usage/")
def set_usage(call: Call, uuid: str) -> Reply:
    """What one username used in one month, or the allocation in all. A missing key breaks the server."""
    resource = _served(call, uuid)
    body = checked(
        call.body,
        {},
        {
            "username": text(32),
            "month": integer(1, 12),
            "user": nullable(lambda value: _user(call, value)),
            **{name: integer() for name in ("cpu_usage", "gpu_usage", "ram_usage", "year")},
        },
    )
    key = {name: body[name] for name in ("user", "username", "month", "year")}
    amounts = {name: body[name] for name in ("cpu_usage", "gpu_usage", "ram_usage")}
    if key["username"] == TOTAL:
        _set_totals(call, resource, amounts)
    else:
        _set_user_row(call, resource.allocation, key, amounts)
    return Reply({"detail": "Allocation usage has been updated successfully."})


def _set_totals(call: Call, resource: Resource, amounts: dict[str, object]) -> None:
    """The allocation's own totals. A change also lands in the component usage that is billed."""
    before = {name: getattr(resource.allocation, name) for name in amounts}
    for name, amount in amounts.items():
        setattr(resource.allocation, name, amount)
    resource.allocation.modified = call.now
    if before != amounts:
        copy_totals(call, resource)


def _set_user_row(
    call: Call, allocation: Allocation, key: dict[str, object], amounts: dict[str, object]
) -> None:
    """The row of (allocation, user, username, month, year): no user and a user are two rows."""
    row = call.session.scalar(select(UserUsage).filter_by(allocation=allocation, **key))
    if row is None:
        row = UserUsage(allocation=allocation, **key, **amounts)
        call.session.add(row)
    for name, amount in amounts.items():
        setattr(row, name, amount)


def _user(call: Call, address: object) -> User:
    if not isinstance(address, str):
        raise WrongError(f"Incorrect type. Expected URL string, received {type(address).__name__}.")
    kind, _, uuid = address.rstrip("/").rpartition("/")
    if not kind.endswith("/users"):
        raise WrongError("Invalid hyperlink - No URL match.")
    user = call.session.scalar(select(User).where(User.uuid == uuid))
    if user is None:
        raise WrongError("Invalid hyperlink - Object does not exist.")
    return user
