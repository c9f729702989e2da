"""What a checkup is made of: checks, what can be wrong with each, and what was diagnosed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(Enum):
    """How bad it is; the values are in the order of badness."""

    OK = "OK"
    WARNING = "warning"
    ERROR = "error"

    @property
    def badness(self) -> int:
        """0, 1 or 2, which is also the exit code when nothing is worse."""
        return list(Level).index(self)


class Area(Enum):
    """Which part of the site a check is about."""

    SETTINGS = "settings"
    MARKETPLACE = "marketplace"
    DOCKER = "Docker"
    SLURM = "SLURM"
    PREFECT = "Prefect"


class Check(Enum):
    """What is looked at, in the order of the report: area and name."""

    SETTINGS = (Area.SETTINGS, "settings")
    COMPONENTS = (Area.SETTINGS, "components file")
    REACHED = (Area.MARKETPLACE, "reachable")
    CLOCK = (Area.MARKETPLACE, "clock")
    TOKEN = (Area.MARKETPLACE, "token")
    TOKEN_LIFETIME = (Area.MARKETPLACE, "token's lifetime")
    ROLE = (Area.MARKETPLACE, "token's role")
    OFFERING = (Area.MARKETPLACE, "offering")
    PLAN = (Area.MARKETPLACE, "plan")
    OFFERED = (Area.MARKETPLACE, "offering's components")
    CONTAINER = (Area.DOCKER, "container")
    COMMANDS = (Area.SLURM, "commands")
    TIME_ZONE = (Area.SLURM, "time zone")
    SLURMDBD = (Area.SLURM, "slurmdbd")
    SPARED = (Area.SLURM, "slurmdbd's pace")
    SLURMCTLD = (Area.SLURM, "slurmctld")
    VERSION = (Area.SLURM, "version")
    ADMIN_LEVEL = (Area.SLURM, "AdminLevel")
    PRIVATE_DATA = (Area.SLURM, "PrivateData")
    TRES = (Area.SLURM, "AccountingStorageTRES")
    ENFORCE = (Area.SLURM, "AccountingStorageEnforce")
    DECAY = (Area.SLURM, "PriorityDecayHalfLife")
    RESET = (Area.SLURM, "PriorityUsageResetPeriod")
    PURGE = (Area.SLURM, "PurgeJobAfter")
    PURGE_SUMS = (Area.SLURM, "PurgeUsageAfter")
    DEFAULT_ACCOUNT = (Area.SLURM, "default account")
    USERS = (Area.SLURM, "users")
    RUNAWAY = (Area.SLURM, "runaway jobs")
    SERVER = (Area.PREFECT, "server")
    PROXY = (Area.PREFECT, "proxy")
    ENTRY = (Area.PREFECT, "password")
    DATABASE = (Area.PREFECT, "database")
    POOL = (Area.PREFECT, "work pool")
    WORKER = (Area.PREFECT, "worker")
    DEPLOYMENTS = (Area.PREFECT, "deployments")
    SCHEDULES = (Area.PREFECT, "schedules")
    AUTOMATIONS = (Area.PREFECT, "automations")

    @property
    def area(self) -> Area:
        """The part of the site."""
        return self.value[0]

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can be wrong: why it matters, and the command or deed that mends it.

    Names in braces in `mend` are filled in with what is the case here.
    """

    check: Check
    level: Level
    meaning: str
    why: str
    mend: str

    @property
    def mend_shown(self) -> str:
        """The same for a page: `{account}` is ACCOUNT."""
        return "".join(
            text + (name.upper() if name else "") for text, name, _, _ in Formatter().parse(self.mend)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What one check came to."""

    check: Check
    level: Level
    found: str
    why: str = ""
    mend: str = ""


class Cause(Enum):
    """Why a question has no answer, as far as a checkup treats them differently."""

    UNKNOWN = "not understood, or refused"
    UNREACHABLE = "nobody answers"
    UNAUTHORIZED = "the token is refused"
    HIDDEN = "it is not there, or not shown"
    NOT_ASKED = "something before it failed"
    SPARED = "it is not asked now, for its sake"


@dataclass(frozen=True, slots=True)
class Silence:
    """In the place of a fact that could not be learned: the words of the failure."""

    words: str
    cause: Cause = Cause.UNKNOWN


NO_COMPONENTS = Silence("the components file could not be read", Cause.NOT_ASKED)
NOT_LOOKED_AT_WHY = "nothing is known of it until it can be looked at"
NOT_LOOKED_AT_MEND = "mend what is said to be in its way, then run doctor again"


def well(check: Check, found: str) -> Diagnosis:
    """Nothing is wrong."""
    return Diagnosis(check=check, level=Level.OK, found=found)


def wrong(fault: Fault, found: str, **here: str) -> Diagnosis:
    """A fault was found; `here` fills in what mends it."""
    return Diagnosis(
        check=fault.check, level=fault.level, found=found, why=fault.why, mend=fault.mend.format_map(here)
    )


def not_looked_at(check: Check, silence: Silence) -> Diagnosis:
    """The question was not asked, or its answer is of no use: a warning, for it may be well."""
    found = f"not looked at: {silence.words}"
    return Diagnosis(
        check=check, level=Level.WARNING, found=found, why=NOT_LOOKED_AT_WHY, mend=NOT_LOOKED_AT_MEND
    )


def worst(diagnoses: Iterable[Diagnosis]) -> Level:
    """The level of the worst; OK without any."""
    return max((one.level for one in diagnoses), key=lambda level: level.badness, default=Level.OK)


def in_order(diagnoses: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """In the order of the checks, the worst first within one."""
    places = list(Check)
    return tuple(sorted(diagnoses, key=lambda one: (places.index(one.check), -one.level.badness)))


def table_of_faults(faults: Iterable[Fault]) -> str:
    """The page's table, in Markdown."""
    rows = [
        "| area | check | level | what is found | why it matters | what mends it |",
        "|---|---|---|---|---|---|",
    ]
    for fault in faults:
        check = fault.check
        cells = (check.area.value, check.title, fault.level.value, fault.meaning, fault.why, fault.mend_shown)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def brief(names: Iterable[str], most: int = 5) -> str:
    """`a, b and 3 more`, sorted."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:most])
    return shown if len(ordered) <= most else f"{shown} and {len(ordered) - most} more"
