"""One total among its users: whole numbers that add up to it, to nobody's disadvantage by more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allocations.billing import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from allocations.components import Components


def shares_of(total: int, seconds: Mapping[str, int], unit_factor: int) -> dict[str, int]:
    """User to whole measured units, which add up to `total`: the account's amount, rounded half up.

    Each user gets his exact amount rounded down; what is then left of the total goes to those who lost most,
    one unit each (largest remainder; of equals, the first by name). So nobody's share is a whole unit off.
    """
    divisor = SECONDS_PER_MINUTE * unit_factor
    shares = {user: used // divisor for user, used in seconds.items()}
    by_loss = sorted(seconds, key=lambda user: (-(seconds[user] % divisor), user))
    for user in by_loss[: total - sum(shares.values())]:
        shares[user] += 1
    return shares


def seconds_by_user(seconds: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Account to user to TRES to seconds, as Python's exact integers, from rows by (account, user)."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    tres = [str(name) for name in seconds.columns]
    pairs = zip(*(seconds.index.get_level_values(level).tolist() for level in (0, 1)), strict=True)
    for (account, user), row in zip(pairs, seconds.to_numpy().tolist(), strict=True):
        found.setdefault(account, {})[user] = dict(zip(tres, row, strict=True))
    return found


def user_amounts(
    seconds: Mapping[str, Mapping[str, int]], amounts: Mapping[str, int], components: Components
) -> dict[str, dict[str, int]]:
    """User to component type to amount, for one account: each component's column adds up to its amount."""
    by_user: dict[str, dict[str, int]] = {user: {} for user in seconds}
    for kind, total in amounts.items():
        used = {user: row.get(kind, 0) for user, row in seconds.items()}
        for user, share in shares_of(total, used, components[kind].unit_factor).items():
            by_user[user][kind] = share
    return by_user
