"""prefect.yaml and deployments/automations.yaml, read strictly: Prefect itself passes over unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import yaml
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ParameterTypeError, PrefectException
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from allocations.deployments import POOL, automation_of_pool, deployment_of_pool
from flows.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prefect.flows import Flow

T = TypeVar("T")

DEPLOYMENTS_FILE = Path("prefect.yaml")
AUTOMATIONS_FILE = Path("deployments/automations.yaml")
STEP = "prefect.deployments.steps.set_working_directory"
BLOCK = "block"
"""Our own key of a send-notification: the name of a notification block, in place of the id on one server."""


class Strict(BaseModel):
    """Takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid")


class Schedule(Strict):
    """When a deployment runs by itself."""

    slug: str
    active: bool = True
    interval: PositiveInt | None = None
    cron: str | None = None
    timezone: str = "UTC"
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def one_of_them(self) -> Schedule:
        """By an interval or by the clock, as Prefect reads it."""
        if (self.interval is None) == (self.cron is None):
            raise ValueError("expected interval or cron")
        if self.cron is not None:
            CronSchedule(cron=self.cron, timezone=self.timezone)
        else:
            IntervalSchedule.model_validate({"interval": self.interval, "timezone": self.timezone})
        return self


class WorkPool(Strict):
    """Where its runs are picked up, and what they get."""

    name: str
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = {}


class ConcurrencyLimit(Strict):
    """How many of its runs may run at once."""

    limit: PositiveInt
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]
    grace_period_seconds: int = Field(600, ge=60, le=86400)


class Deployment(Strict):
    """One deployment."""

    name: str
    entrypoint: str
    description: str
    tags: list[str]
    work_pool: WorkPool
    parameters: dict[str, Any] = {}
    enforce_parameter_schema: bool = True
    concurrency_limit: ConcurrencyLimit
    schedules: list[Schedule] = []


class DeploymentsFile(Strict):
    """prefect.yaml."""

    name: str
    prefect_version: str = Field(alias="prefect-version")
    build: None = None
    push: None = None
    pull: list[dict[str, Any]] | None = None
    deployments: list[Deployment]


def read_deployments(file: Path = DEPLOYMENTS_FILE, pool: str = POOL) -> list[dict[str, Any]]:
    """Each deployment as the file has it, with what follows from its flow: its name and parameters' schema.

    For another work pool than the files' own, its name is in those of the deployments.

    Raises:
        SettingsError: something in it is wrong; one line for each finding.
    """
    whole = checked(lambda: DeploymentsFile.model_validate(load(file)), file)
    pull = whole.pull or [{STEP: {"directory": str(Path.cwd())}}]
    entries = []
    for deployment in whole.deployments:
        flow = flow_of(deployment, file)
        schema = parameter_schema(flow).model_dump(exclude_unset=True)
        facts = {"flow_name": flow.name, "parameter_openapi_schema": schema, "pull_steps": pull}
        entry = deployment_of_pool(deployment.model_dump(exclude_unset=True), flow.name, pool)
        entries.append({**entry, **facts})
    return entries


def flow_of(deployment: Deployment, file: Path) -> Flow[..., Any]:
    """The flow that the entry point names; it takes the parameters of the deployment and its schedules."""
    here = f"{file}: {deployment.name}"
    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False)
    except (PrefectException, ImportError, AttributeError, ValueError, TypeError) as error:
        raise SettingsError(
            f"{here}: entrypoint {deployment.entrypoint!r}: expected the path of a flow, such as "
            f"flows.pull.pull_orders ({brief(error)})"
        ) from None
    for parameters in (deployment.parameters, *(one.parameters for one in deployment.schedules)):
        try:
            flow.validate_parameters({**deployment.parameters, **parameters})
        except (ParameterTypeError, ValidationError, TypeError) as error:
            raise SettingsError(f"{here}: parameters the flow does not take: {brief(error)}") from None
    return flow


def read_automations(
    blocks: Mapping[str, str], file: Path = AUTOMATIONS_FILE, pool: str = POOL
) -> tuple[list[AutomationCore], frozenset[str]]:
    """The automations of the file, and the names of notification blocks that the server lacks.

    A notification through a block that is not there is left out: it could not be sent.

    Args:
        blocks: name to id of the server's notification blocks.
        file: where they stand.
        pool: the work pool for which those are that are about a pool.

    Raises:
        SettingsError: something in it is wrong; one line for each finding.
    """
    whole = load(file)
    entries = whole.get("automations") if isinstance(whole, dict) and len(whole) == 1 else None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise SettingsError(f"{file}: expected one key, automations, with a list of them")
    lacking: set[str] = set()
    found = []
    for entry in (automation_of_pool(one, pool) for one in entries):
        given = {**entry, "actions": list(with_ids(entry.get("actions") or (), blocks, lacking))}
        automation = checked(lambda given=given: AutomationCore.model_validate(given), file)  # type: ignore[misc]
        if strange := sorted(lost(given, automation.model_dump(mode="json"))):
            raise SettingsError(f"{file}: {automation.name}: Prefect knows no {', '.join(strange)}")
        found.append(automation)
    return found, frozenset(lacking)


def with_ids(
    actions: Iterable[dict[str, Any]], blocks: Mapping[str, str], lacking: set[str]
) -> Iterator[dict[str, Any]]:
    """The actions as the server takes them; `lacking` gets the names of blocks that it has not."""
    for action in actions:
        name = str(action.get(BLOCK, ""))
        rest = {key: value for key, value in action.items() if key != BLOCK}
        if not name:
            yield action
        elif name in blocks:
            yield {**rest, "block_document_id": blocks[name]}
        else:
            lacking.add(name)
            yield {"type": "do-nothing"}


def lost(given: object, kept: object, path: str = "") -> Iterator[str]:
    """The keys of a value that Prefect's own reading of it does not have."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            here = f"{path}.{key}".lstrip(".")
            if key not in kept:
                yield here
            else:
                yield from lost(value, kept[key], here)
    elif isinstance(given, list) and isinstance(kept, list):
        for place, (one, other) in enumerate(zip(given, kept, strict=False)):
            yield from lost(one, other, f"{path}[{place}]")


def load(file: Path) -> Any:  # noqa: ANN401 - YAML
    """The file's YAML.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"no {file} in this folder ({error.strerror}): expected the checkout, or the folder that "
            "`cloudrock-slurm init` made"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not YAML that can be read: {brief(error)}") from None


def checked(read: Callable[[], T], file: Path) -> T:
    """What was read, or one line for each thing that is wrong."""
    try:
        return read()
    except ValidationError as error:
        lines = dict.fromkeys(f"{file}: {place(one)}: {one['msg']}" for one in error.errors())
        raise SettingsError("\n".join(lines)) from None


def place(finding: Any) -> str:  # noqa: ANN401 - pydantic's own
    """`deployments.0.schedules.0.slug`."""
    return ".".join(str(part) for part in finding["loc"]) or "the file"


def brief(error: BaseException) -> str:
    """An error's words on one line."""
    return " ".join(str(error).split())
