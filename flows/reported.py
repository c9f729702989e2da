"""What came of one report of the current month."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allocations.reports import in_words
from flows.closed_month import Closed

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

    from allocations.billing import BillingPeriod
    from allocations.days import Counted
    from allocations.reports import ResourceUsage, UsageLine
    from flows.census import Census
    from flows.gate import Gate


@dataclass(slots=True)
class Reported:
    """What came of it."""

    period: BillingPeriod
    lines: list[UsageLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What a person must look at: the run is red."""
    remarks: list[str] = field(default_factory=list)
    """What a person may want to know."""
    strange: tuple[str, ...] = ()
    """What is wrong with the offering's components: those are not reported for anybody."""
    told: set[str] = field(default_factory=set)
    """Resources whose amounts the marketplace holds now, by uuid: sent, or unchanged."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Resource uuid to why the marketplace was not told its usage."""
    nowhere: set[str] = field(default_factory=set)
    """Those of them of which no plan period is open."""
    closed: Closed = field(init=False)
    """What the month before holds and should hold, as far as this run looked."""
    gave_up: bool = False
    """Whether the marketplace was away for so long that the rest was not tried."""
    sent: int = 0
    unchanged: int = 0
    counted: Counted | None = None
    """The month as it was counted; None where it was not."""
    census: Census | None = None
    associations: PrefectFuture[dict[str, frozenset[str]]] | None = None
    """Allocation uuid to whom the marketplace associates with it; read beside SLURM's answers."""
    gate: Gate | None = None
    usages: list[ResourceUsage] = field(default_factory=list)
    """Each resource's month, as it was counted and as the marketplace held it when the run began."""

    def __post_init__(self) -> None:
        self.closed = Closed(period=self.period)

    def in_words(self, resource_uuid: str) -> str:
        """`cpu 5, mem 120`: the amounts of one resource."""
        totals = next((one.totals for one in self.usages if one.resource.uuid == resource_uuid), {})
        return in_words(totals)
