"""sync-components: the offering's components as the components file says, and nothing lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas.objects import State  # noqa: TC002 - unresolved, the parameters' schema is empty
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from allocations.offering_components import changes_to, fingerprint_of, lost_in, whole_set
from cloudrock_io.errors import UnexpectedCloudrockData
from flows.artifacts import publish_components
from flows.calm import calmly
from flows.doors import open_cloudrock
from flows.lock import one_at_a_time
from flows.settings import load_components, load_settings
from flows.state_folder import accessible, writable

if TYPE_CHECKING:
    from pathlib import Path

    from allocations.components import Components
    from allocations.offering_components import ComponentChange
    from cloudrock_io.client import Cloudrock

LOCK = "sync-components"
NO_PRICE = "no price in any plan until somebody gives it one in the portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What was found, and done."""

    changes: list[ComponentChange]
    applied: bool
    problems: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """In a few words."""
        if not self.changes:
            return "the offering's components are as the components file says"
        if not self.applied:
            return "the offering differs from the components file and was not changed"
        new = [change.type for change in self.changes if change.field == "type"]
        return "the offering was changed" + (f"; {', '.join(new)}: {NO_PRICE}" if new else "")

    def __str__(self) -> str:
        return ": ".join([self.verdict, *(["; ".join(map(str, self.changes))] if self.changes else [])])


@flow(name="sync-components")
def sync_components(*, apply: bool = False) -> State[Any]:
    """Compare the offering's components with the components file; change them when the file has changed.

    Args:
        apply: change them in any case; else a difference that somebody made in the portal is only shown.
    """
    return calmly(lambda: work(apply=apply), get_run_logger())


def work(*, apply: bool) -> State[Any]:
    """The flow's body."""
    settings = load_settings()
    components = load_components(settings)
    with open_cloudrock(settings) as cloudrock:
        synced = synchronised(cloudrock, components, settings.state_dir, apply=apply)
    publish_components(synced.changes, str(synced))
    if synced.problems:
        return Failed(message="; ".join([str(synced), *synced.problems]))
    return Completed(message=str(synced))


def synchronised(
    cloudrock: Cloudrock, components: Components, state_dir: Path, *, apply: bool, only_if_told: bool = False
) -> Synced:
    """Compare, and send the whole set where the file is new since the last time, or `apply` says so.

    `only_if_told`: a new file is no reason.

    The set is read immediately before it is sent, and again afterwards: whoever changes components in the
    portal in that moment would be overwritten, which the second reading shows.

    Raises:
        UnexpectedCloudrockData: the marketplace holds something else than it was sent.
        CloudrockError, SettingsError: as usual.
    """
    with one_at_a_time(state_dir, LOCK):
        before = cloudrock.fetch_offering()
        changes = changes_to(before, components)
        memory = writable(state_dir) / "components.sha256"
        known = ""
        if memory.exists():
            with accessible(memory):
                known = memory.read_text(encoding="utf-8").strip()
        fingerprint = fingerprint_of(components)
        applied = bool(changes) and (apply or (known != fingerprint and not only_if_told))
        problems = []
        if applied:
            cloudrock.update_components(before.uuid, whole_set(before, components))
            after = cloudrock.fetch_offering()
            problems = lost_in(before, after, components)
            if left := changes_to(after, components):
                raise UnexpectedCloudrockData(
                    "the offering's components", "as sent", "; ".join(map(str, left))
                )
        if applied or not changes:
            with accessible(memory):
                memory.write_text(f"{fingerprint}\n", encoding="utf-8")
    return Synced(changes=changes, applied=applied, problems=problems)
