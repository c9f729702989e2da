"""Make the Prefect server have what the files say; only what differs is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect.events.schemas.automations import AutomationCore

from allocations.deployments import (
    OUR_TAG,
    as_sent,
    differences,
    identity,
    is_about_pool,
    strays,
    without_pool,
)
from flows.deployment_files import AUTOMATIONS_FILE, DEPLOYMENTS_FILE, read_automations, read_deployments
from flows.work_pool import load_work_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flows.prefect_server import Server

PREFIX = f"{OUR_TAG}: "
"""How the names of our automations begin."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing in which the server differs from the files, and what makes it right."""

    sentence: str
    """`+` is made, `~` is changed, `!` is for a person."""
    act: Callable[[], object] | None = None
    """None: a person's."""


@dataclass(slots=True)
class Deploying:
    """What the files say beside what the server has."""

    server: Server
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    entries: list[dict[str, Any]] = field(default_factory=list)
    automations: list[AutomationCore] = field(default_factory=list)
    lacking: frozenset[str] = frozenset()
    """Names of notification blocks that the server has not."""

    def read(self) -> None:
        """The files; what they say of notifications depends on the server's blocks.

        Raises:
            SettingsError: something in them is wrong.
        """
        pool = load_work_pool()
        self.entries = read_deployments(pool=pool)
        self.automations, self.lacking = read_automations(self.server.notification_blocks(), pool=pool)

    def steps(self) -> Iterator[Step]:
        """Everything that differs, in the order in which it can be made right."""
        yield from self.for_pools()
        yield from self.for_deployments()
        yield from self.for_automations()

    def for_pools(self) -> Iterator[Step]:
        """The work pools; of what type one is that is there already is its administrator's matter."""
        for name in dict.fromkeys(str(entry["work_pool"]["name"]) for entry in self.entries):
            if self.server.ask("GET", "/work_pools/{name}", or_none=True, name=name) is None:
                yield Step(f"+ work pool {name}, of type process", PoolMade(self.server, name))

    def for_deployments(self) -> Iterator[Step]:
        """The deployments that are missing or otherwise; whether one is paused is left as it is."""
        held = self.server.listed("/deployments/filter")
        known = {identity(one): one for one in held}
        late = self.server.overdue(held, self.now)
        for entry in self.entries:
            title = f"deployment {entry['flow_name']}/{entry['name']}"
            has = known.get(identity(entry))
            if has is None:
                yield Step(f"+ {title}", Deployed(self.server, entry))
            elif found := "; ".join(one.words for one in differences(entry, has)):
                yield Step(f"~ {title}: {found}", Deployed(self.server, entry))
            elif entry["name"] in late:
                yield Step(f"~ {title}: {late[entry['name']]}: scheduled anew", Deployed(self.server, entry))
        for name in strays(self.entries, held):
            yield Step(f"! deployment {name}: not in {DEPLOYMENTS_FILE}: delete it in the Prefect UI")

    def for_automations(self) -> Iterator[Step]:
        """The automations that are missing or otherwise, and those that no file names."""
        held = self.server.listed("/automations/filter")
        known = {str(one["name"]): one for one in reversed(held)}
        for automation in self.automations:
            has = known.get(automation.name)
            if has is None:
                yield Step(f"+ automation {automation.name!r}", Automated(self.server, automation, None))
            elif found := ", ".join(fields_changed(automation, has)):
                sentence = f"~ automation {automation.name!r}: {found}"
                yield Step(sentence, Automated(self.server, automation, str(has["id"])))
        yield from map(Step, unwanted(self.automations, held))


@dataclass(frozen=True, slots=True)
class PoolMade:
    """Makes a work pool of the process type."""

    server: Server
    name: str

    def __call__(self) -> None:
        """With what Prefect's own such pools start their runs with."""
        from prefect.workers.process import ProcessWorker  # noqa: PLC0415 - only for a pool that is made

        template = ProcessWorker.get_default_base_job_template()
        body = {"name": self.name, "type": "process", "base_job_template": template}
        self.server.ask("POST", "/work_pools/", body)


@dataclass(frozen=True, slots=True)
class Deployed:
    """Makes or changes a deployment."""

    server: Server
    entry: dict[str, Any]

    def __call__(self) -> None:
        """By flow and name, as Prefect tells deployments apart."""
        flow = self.server.ask("POST", "/flows/", {"name": self.entry["flow_name"]})
        self.server.ask("POST", "/deployments/", {**as_sent(self.entry), "flow_id": flow["id"]})


@dataclass(frozen=True, slots=True)
class Automated:
    """Makes or changes an automation."""

    server: Server
    automation: AutomationCore
    known_as: str | None
    """Its id, where it is there already."""

    def __call__(self) -> None:
        """The whole of it."""
        body = self.automation.model_dump(mode="json", exclude={"owner_resource"})
        if self.known_as is None:
            self.server.ask("POST", "/automations/", body)
        else:
            self.server.ask("PUT", "/automations/{id}", body, id=self.known_as)


def automation_differences(server: Server) -> list[str]:
    """Where the server's automations are not those of the file, one sentence each.

    Raises:
        SettingsError: the file cannot be read, or the server does not answer.
    """
    automations, _ = read_automations(server.notification_blocks(), pool=load_work_pool())
    steps = Deploying(server, automations=automations).for_automations()
    missing = {"+": "missing: ", "~": "otherwise: ", "!": ""}
    return [missing[step.sentence[0]] + step.sentence[2:] for step in steps]


def fields_changed(wanted: AutomationCore, held: dict[str, Any]) -> list[str]:
    """What of an automation is otherwise on the server: `enabled`, `trigger`, `actions` ..."""
    has = AutomationCore.model_validate(held)
    names = [name for name in AutomationCore.model_fields if name != "owner_resource"]
    return [name for name in names if getattr(wanted, name) != getattr(has, name)]


def unwanted(wanted: Iterable[AutomationCore], held: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Automations of ours that no file names, or that are there twice: what they do is done all the same.

    One that is about another cluster's pool is that cluster's.
    """
    wanted = list(wanted)
    names = {one.name for one in wanted}
    about_pools = {without_pool(one.name) for one in wanted if is_about_pool(one.model_dump(mode="json"))}
    seen: set[str] = set()
    for one in held:
        name = str(one["name"])
        elsewhere = name not in names and without_pool(name) in about_pools
        if name.startswith(PREFIX) and not elsewhere and (name not in names or name in seen):
            why = "there a second time" if name in seen else f"not in {AUTOMATIONS_FILE}"
            yield f"! automation {name!r}: {why}: prefect automation delete --id {one['id']}"
        seen.add(name)
