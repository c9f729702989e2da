"""The account's name on the cluster, as a resource and its allocation each record it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cloudrock.call import Reply
from sandbox.cloudrock.checks import any_text, checked

if TYPE_CHECKING:
    from sandbox.cloudrock.call import Call
    from sandbox.cloudrock.tables import Allocation, Resource

LONGEST = 255


def named(call: Call, row: Resource | Allocation) -> Reply:
    """Take the name from the body. Not unique; the same one again changes nothing."""
    name = str(checked(call.body, {}, {"backend_id": any_text(LONGEST)})["backend_id"])
    kind = type(row).__name__
    if name == row.backend_id:
        return Reply({"status": f"{kind} backend_id is not changed."})
    row.backend_id = name
    row.modified = call.now
    return Reply({"status": f"{kind} backend_id has been changed."})
