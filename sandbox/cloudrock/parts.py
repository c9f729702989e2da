"""What one running marketplace is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.cloudrock.call import Switches
from sandbox.cloudrock.faults import Faults
from sandbox.cloudrock.journal import Journal

if TYPE_CHECKING:
    from sandbox.cloudrock.clock import Clock
    from sandbox.cloudrock.store import Store
    from sandbox.cloudrock.worker import Worker


@dataclass(frozen=True)
class Parts:
    """The store and everything beside it."""

    store: Store
    worker: Worker
    clock: Clock
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)
    switches: Switches = field(default_factory=Switches)
