"""What a checkup asks of settings, marketplace and cluster. A failure is a fact too: it hides no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from allocations.checkup import Cause, Check, Diagnosis, Silence, in_order, not_looked_at, well, wrong
from allocations.checkup_marketplace import (
    COMPONENTS_BAD,
    SETTINGS_BAD,
    MarketplaceFacts,
    diagnose_marketplace,
)
from allocations.checkup_prefect import diagnose_prefect
from allocations.checkup_slurm import Pace, SlurmFacts, diagnose_slurm
from allocations.errors import InvalidComponents
from cloudrock_io.errors import CloudrockNotFound, CloudrockUnauthorized
from cloudrock_io.repeating import Patience
from flows.choices import DeploymentType, UsernameSource
from flows.doors import open_cloudrock, open_protected
from flows.expected import EXPECTED, MAY_PASS
from flows.settings import SettingsError, load_components, load_settings
from slurm_io import checkup
from slurm_io.client import Slurm
from slurm_io.errors import SlurmdbdSpared
from slurm_io.parsing_checkup import parse_books_settings
from slurm_io.retention import SUMS, parse_retention
from slurm_io.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from allocations.accounts import ClusterName
    from allocations.components import Components
    from allocations.marketplace import Offering, TokenOwner
    from flows.choices import SyncDirection
    from flows.protected import Protected
    from flows.settings import Settings
    from slurm_io.runner import Runner

T = TypeVar("T")

SECONDS = 20.0
"""The longest that one SLURM command may take here."""
PATIENCE = Patience(connect_timeout=5, read_timeout=15, attempts=1)
SILENT = frozenset({Cause.UNREACHABLE, Cause.NOT_ASKED, Cause.SPARED})
"""What makes a further question useless; one that was refused says nothing of others."""


@dataclass(frozen=True, slots=True)
class Questions:
    """A runner to ask, or why there is no use in asking."""

    runner: Runner | Silence

    def ask(self, question: Callable[[Runner], T]) -> T | Silence:
        """The answer, or why there is none."""
        runner = self.runner
        return runner if isinstance(runner, Silence) else asked(lambda: question(runner))

    def unless(self, before: object, reason: str, causes: Collection[Cause] = tuple(Cause)) -> Questions:
        """The same, or no questions any more where an answer before is missing for one of the causes."""
        silent = isinstance(before, Silence) and before.cause in causes
        return Questions(Silence(reason, Cause.NOT_ASKED)) if silent else self


def examine() -> tuple[Diagnosis, ...]:
    """The whole checkup. Marketplace, cluster and Prefect are asked side by side."""
    try:
        settings = load_settings()
    except SettingsError as error:
        without = Silence("the settings are not complete", Cause.NOT_ASKED)
        rest = [not_looked_at(check, without) for check in (Check.REACHED, Check.COMMANDS)]
        return in_order([wrong(SETTINGS_BAD, str(error)), *rest, *prefect_diagnoses(None)])
    found = [well(Check.SETTINGS, "complete")]
    components: Components = {}
    try:
        components = load_components(settings)
        found.append(well(Check.COMPONENTS, f"{settings.tres_config_path}: {', '.join(components)}"))
    except (SettingsError, InvalidComponents) as error:
        found.append(wrong(COMPONENTS_BAD, str(error)))
    parts: tuple[Callable[[], list[Diagnosis]], ...] = (
        lambda: list(diagnose_marketplace(marketplace_facts(settings, components))),
        lambda: list(diagnose_slurm(slurm_facts(settings, components))),
        lambda: prefect_diagnoses(settings.sync_direction),
    )
    with ThreadPoolExecutor(len(parts)) as pool:
        # Prefect's settings live in the context, which a thread does not inherit
        for asking in [pool.submit(copy_context().run, part) for part in parts]:
            found += asking.result()
    return in_order(found)


def prefect_diagnoses(direction: SyncDirection | None) -> list[Diagnosis]:
    """Of Prefect, whose import takes seconds."""
    from flows.examining_prefect import prefect_facts  # noqa: PLC0415

    return list(diagnose_prefect(prefect_facts(direction)))


def asked(question: Callable[[], T]) -> T | Silence:
    """The answer, or in its place the words of a failure that is no bug."""
    try:
        return question()
    except EXPECTED as failure:
        return Silence(str(failure), cause_of(failure))


def cause_of(failure: Exception) -> Cause:
    """What a checkup makes of a failure."""
    if isinstance(failure, CloudrockUnauthorized):
        return Cause.UNAUTHORIZED
    if isinstance(failure, CloudrockNotFound):
        return Cause.HIDDEN
    if isinstance(failure, SlurmdbdSpared):
        return Cause.SPARED
    return Cause.UNREACHABLE if isinstance(failure, MAY_PASS) else Cause.UNKNOWN


def marketplace_facts(settings: Settings, components: Components) -> MarketplaceFacts:
    """In two requests."""
    owner: TokenOwner | Silence
    offering: Offering | Silence
    skew = None
    cloudrock = asked(lambda: open_cloudrock(settings, PATIENCE))
    if isinstance(cloudrock, Silence):
        owner = offering = cloudrock
    else:
        with cloudrock:
            owner = asked(cloudrock.fetch_me)
            if cloudrock.server_time:
                skew = (datetime.now(UTC) - cloudrock.server_time).total_seconds()
            offering = owner if isinstance(owner, Silence) else asked(cloudrock.fetch_offering)
    return MarketplaceFacts(
        url=str(settings.api_url),
        owner=owner,
        offering=offering,
        skew_seconds=skew,
        needs_staff=settings.username_source is UsernameSource.FREEIPA,
        components=components,
    )


def slurm_facts(settings: Settings, components: Components) -> SlurmFacts:
    """In ten commands or so; what depends on something that does not answer is not asked."""
    slurmdbd = open_protected(settings)
    pace = pace_of(slurmdbd)
    door = Questions(checkup.Hurried(slurmdbd, SECONDS))
    known: list[ClusterName] = []
    user = door.ask(checkup.fetch_user)
    slurm = door.unless(user, "SLURM's commands cannot be run")
    controller = slurm.ask(partial(checkup.fetch_controller, elsewhere=settings.cluster))
    text = slurm.ask(checkup.fetch_configuration)
    books = slurm.unless(text, "slurmdbd does not answer", SILENT)
    state = books.ask(lambda runner: Slurm(runner, settings.cluster, known).observe())
    return SlurmFacts(
        container=settings.container_name if settings.deployment_type is DeploymentType.DOCKER else None,
        user=user,
        pace=pace,
        utc_offset=slurm.ask(checkup.fetch_offset),
        controller=controller,
        books=text if isinstance(text, Silence) else asked(lambda: parse_books_settings(text)),
        retention=text if isinstance(text, Silence) else asked(lambda: parse_retention(text)),
        sums_retention=text if isinstance(text, Silence) else asked(lambda: parse_retention(text, SUMS)),
        admin_level=books.ask(lambda runner: checkup.fetch_admin_level(runner, str(user))),
        state=state,
        unknown_users=state
        if isinstance(state, Silence)
        else slurm.ask(partial(checkup.fetch_unknown_people, users=state.users)),
        runaways=books.unless(controller, "slurmctld does not answer", SILENT).ask(
            lambda runner: checkup.fetch_runaways(Scope(runner, settings.cluster, known))
        ),
        default_account=settings.default_account,
        components=components,
    )


def pace_of(runner: Protected) -> Pace | Silence:
    """What is known of slurmdbd's pace, without asking it."""
    if not runner.usable():
        return Silence("CLOUDROCK_STATE_DIR cannot be written, so slurmdbd is not spared")
    breaker = runner.file.read()
    return Pace(
        trouble="" if breaker.is_well else str(breaker),
        is_open=breaker.until is not None,
        under_way=tuple(runner.budget.under_way(runner.protection.queries)),
        most=runner.protection.queries,
    )


def close_breaker() -> str:
    """By hand: slurmdbd is asked again at once; what the breaker was."""
    return str(open_protected(load_settings()).close())
