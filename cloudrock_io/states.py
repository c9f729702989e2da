"""The words that move a SLURM allocation from state to state, as the wire wants them.

The client library's own enum has its values rotated: its UPDATING asks for the allocation's deletion. Ours
says what it sends; the library's is never used.
"""

from __future__ import annotations

from enum import Enum


class AllocationTransition(Enum):
    """What `set_allocation_state` may ask for, and in which state the server accepts it."""

    CREATING = "creating"
    """From Creation Scheduled."""
    UPDATE_SCHEDULED = "update_scheduled"
    """From OK and Erred."""
    UPDATING = "updating"
    """From Update Scheduled."""
    DELETION_SCHEDULED = "deletion_scheduled"
    """From OK and Erred."""
    DELETING = "deleting"
    """From Deletion Scheduled. Do not use before a Terminate order is done: done then fails for ever."""
    OK = "ok"
    """From any. From Creating and Updating it also completes the order."""
    ERRED = "erred"
    """From any. From Creating, Updating and Deleting it also fails the order."""
