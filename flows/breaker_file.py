"""The breaker as all processes on this headnode know it: one small file, always replaced whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from flows.state_folder import held, replaced
from slurm_io.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT: Any = Field(0, ge=0)


@checked(frozen=True, kw_only=True)
class Kept:
    """What the file holds. Another version of it is not read."""

    version: Literal[1] = 1
    since: AwareDatetime | None = None
    waited_seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    good: int = COUNT
    openings: int = COUNT
    opened: AwareDatetime | None = None
    until: AwareDatetime | None = None
    rest_until: AwareDatetime | None = None
    reason: str = ""


KEPT = TypeAdapter(Kept)
FIELDS = tuple(Breaker.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class BreakerFile:
    """In a folder of CLOUDROCK_STATE_DIR."""

    folder: Path
    complain: Callable[[str], None]
    """Told once of each file that is bad."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / "breaker.json"

    def read(self) -> Breaker:
        """The breaker; closed where nothing is known, or what is there cannot be read."""
        try:
            kept = KEPT.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Breaker()
        except (OSError, ValidationError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "it is not what this version writes"
            self.complain(f"the breaker's file {self.path} is not used ({why}): slurmdbd is asked as usual")
            return Breaker()
        return Breaker(**{name: getattr(kept, name) for name in FIELDS})

    def change(self, change: Callable[[Breaker], Breaker]) -> tuple[Breaker, Breaker]:
        """The breaker before and after a change, which no other process's comes between."""
        with held(self.folder / "breaker.lock"):
            before = self.read()
            breaker = change(before)
            if breaker != before or not self.path.exists():
                self._write(breaker)
        return before, breaker

    def _write(self, breaker: Breaker) -> None:
        kept = Kept(**{name: getattr(breaker, name) for name in FIELDS})
        with replaced(self.path) as file:
            file.write(KEPT.dump_json(kept))
