"""The plots of a month's page, kept as long as what they show is the same.

An hour in which nothing was used draws nothing: neither matplotlib's import nor its drawing is waited for.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from flows.settings import SettingsError
from flows.state_folder import accessible, replaced, writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from allocations.billing import BillingPeriod
    from allocations.components import Components

DRAWN_BY = ("plots.py", "report_page.py")
"""Of this package: plots that another version drew are drawn anew."""


@dataclass(frozen=True, slots=True)
class KeptPlots:
    """The latest plots, in one file of CLOUDROCK_STATE_DIR/reports, which may be lost."""

    path: Path

    def drawn(self, fingerprint: str, draw: Callable[[], str]) -> str:
        """The plots of that fingerprint: those that are kept, or drawn now and kept."""
        kept = self.read()
        if kept.get("fingerprint") == fingerprint and isinstance(kept.get("plots"), str):
            return str(kept["plots"])
        plots = draw()
        with suppress(SettingsError):  # the page that they are for is written beside them, and complains
            writable(self.path.parent)
            with accessible(self.path), replaced(self.path) as file:
                file.write(json.dumps({"fingerprint": fingerprint, "plots": plots}).encode())
        return plots

    def read(self) -> dict[str, object]:
        """What the file holds; nothing where there is none, or none that can be read."""
        with suppress(OSError, ValueError):
            kept = json.loads(self.path.read_bytes())
            if isinstance(kept, dict):
                return kept
        return {}


def fingerprint_of(days: pd.DataFrame, period: BillingPeriod, shown: int, components: Components) -> str:
    """The same for plots that look the same: of the rows, the days on the axis, labels and units, and us.

    Args:
        days: rows by day, account and component with `tres_seconds`.
        period: the month.
        shown: how many of its days are on the axis.
        components: what is shown, and in which units.
    """
    digest = hashlib.sha256(f"{period} {shown} {list(components.items())!r}\n".encode())
    for name in days.columns:
        values = days[name]
        if not pd.api.types.is_integer_dtype(values.dtype):
            codes, found = pd.factorize(values)
            digest.update(f"{name} {list(map(str, found))!r}\n".encode())
            values = pd.Series(codes)
        digest.update(values.to_numpy().astype("<i8").tobytes())
    for name in DRAWN_BY:
        digest.update(Path(__file__).with_name(name).read_bytes())
    digest.update(version("matplotlib").encode())
    return digest.hexdigest()
