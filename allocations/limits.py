"""What sacctmgr shows of a limit, which can be less than what it stores: so limits are compared as shown.

It has no option for exact numbers. It divides mem limits by 1024 as long as their whole part is a multiple of
512, and then prints two decimals: 614400000 as `600000G`, 1536 as `1.50G`, but 1049088 (1024.5 G) as `1.00T`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allocations.model import Limits

MEMORY = "mem"
STEP = 1024
HALF_STEP = STEP // 2
UNITS = "MGTP"
BEYOND = "?"
"""sacctmgr's own unit for what is larger than petabytes."""


def as_shown(tres: str, minutes: int) -> str:
    """The number as sacctmgr 22.05 prints it in GrpTRESMins (its convert_num_unit2)."""
    if tres != MEMORY or minutes == 0:
        return str(minutes)
    number, steps = float(minutes), 0
    while number >= STEP and int(number) % HALF_STEP == 0:
        number /= STEP
        steps += 1
    unit = UNITS[steps] if steps < len(UNITS) else BEYOND
    return f"{number:.0f}{unit}" if number.is_integer() else f"{number:.2f}{unit}"


def as_stored(tres: str, text: str, nearest: int) -> int:
    """A number that sacctmgr shows as this text: the nearest one, or the least above it that it rounds to."""
    candidates = (nearest, nearest + HALF_STEP)
    return next((minutes for minutes in candidates if as_shown(tres, minutes) == text), nearest)


def look_alike(one: Limits, other: Limits) -> bool:
    """Whether sacctmgr shows the two sets of limits the same."""
    return {tres: as_shown(tres, minutes) for tres, minutes in one.items()} == {
        tres: as_shown(tres, minutes) for tres, minutes in other.items()
    }
