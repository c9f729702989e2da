"""Every kind of order, in every state and under every fault: docs/orders.md says what these tests saw.

`make orders` lets them write the page anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows import matrix
from tests.flows.fate import Blow
from tests.flows.matrix import UNDISTURBED, Row
from tests.flows.scenes import WRITES
from tests.flows.subjects import (
    SomebodyElse,
    empty_every_team,
    one_of_each_kind,
    orders_in_every_state,
)
from tests.flows.troupe import assembled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.flows.scenes import Befall, Scene
    from tests.flows.subjects import Subject
    from tests.flows.troupe import Troupe

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]
LONGEST_SECONDS = 1200


@dataclass(frozen=True)
class Tried:
    """What is tried in one scene: whom, and what comes over the run."""

    name: str
    subjects: Callable[[Scene], list[Subject]]
    befall: Callable[[Scene, list[Subject]], Befall | None]
    settings: tuple[tuple[str, str], ...] = ()
    next_settings: tuple[tuple[str, str], ...] = ()
    parameters: tuple[str, ...] = ("force",)


def each_state(kind: str) -> Tried:
    return Tried(
        UNDISTURBED,
        lambda scene: orders_in_every_state(scene, kind),
        lambda _, subjects: SomebodyElse(subjects),
    )


def posts_fail(**how: Any) -> Callable[[Scene, list[Subject]], Befall]:
    return lambda _, __: lambda scene, ___: scene.marketplace.office.fail_next(WRITES, times=999, **how)


def writes_fail(blow: Blow) -> Callable[[Scene, list[Subject]], Befall]:
    return lambda _, __: lambda scene, ___: scene.fate.at_every(blow)


def root_is_recorded(scene: Scene, subjects: list[Subject]) -> None:
    for subject in subjects:
        scene.set_backend_id(scene.item(subject.item)["marketplace_resource_uuid"], "root")


FAULTS = (
    Tried("slurmdbd down", one_of_each_kind, lambda _, __: lambda scene, ___: scene.fate.deafen()),
    Tried(
        "slurmdbd down after the first write",
        one_of_each_kind,
        lambda _, __: lambda scene, ___: scene.fate.at(1, Blow.DEAF),
    ),
    Tried("the marketplace answers every write with 503", one_of_each_kind, posts_fail(status=503)),
    Tried("the marketplace drops every write", one_of_each_kind, posts_fail(kind="drop")),
    Tried("the answer to every write is lost", one_of_each_kind, posts_fail(kind="lose")),
    Tried("SLURM refuses every write", one_of_each_kind, writes_fail(Blow.REFUSE)),
    Tried("invalid: the recorded account is root", one_of_each_kind, root_is_recorded),
    Tried(
        "more removals than the cap",
        one_of_each_kind,
        lambda _, __: None,
        settings=(("SYNC_MAX_REMOVALS", "0"),),
        parameters=(),
    ),
    Tried("the team is empty", one_of_each_kind, empty_every_team),
)
TRIED = {
    **{f"every state of {kind}": each_state(kind) for kind in matrix.ORDERS},
    "members": Tried(UNDISTURBED, lambda scene: one_of_each_kind(scene)[-2:], lambda _, __: None),
    **{fault.name: fault for fault in FAULTS},
}


def seen(scene: Scene, tried: Tried) -> list[Row]:
    """What became of each subject after the run, and after the next one, which has its will."""
    subjects = tried.subjects(scene)
    scene.settings.update(tried.settings)
    run = scene.pull(tried.befall(scene, subjects), **dict.fromkeys(tried.parameters, True))
    after = [subject.stands(scene) for subject in subjects]
    scene.settings.clear()
    scene.marketplace.office.resume_worker()
    scene.marketplace.office.run_worker()
    again = scene.pull(force=True)
    assert {run.state, again.state} <= {"COMPLETED", "FAILED"}, (run, again)
    return [
        Row(
            subject.kind,
            subject.before,
            tried.name,
            subject.result(scene, run),
            then,
            subject.result(scene, again),
            subject.stands(scene),
        )
        for subject, then in zip(subjects, after, strict=True)
    ]


@pytest.fixture(scope="module")
def troupe(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troupe]:
    from prefect.settings import get_current_settings  # noqa: PLC0415 - fast tests do without

    folder = tmp_path_factory.mktemp("matrix")
    with assembled(folder, str(get_current_settings().api.url)) as troupe:
        yield troupe


@pytest.fixture(scope="module")
def rows(troupe: Troupe, request: pytest.FixtureRequest) -> dict[str, list[Row]]:
    found = dict(zip(TRIED, troupe.play(seen, TRIED.values()), strict=True))
    if request.config.getoption("--write-orders"):
        matrix.write(row for rows in found.values() for row in rows)
    return found


@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.parametrize("name", TRIED)
def test_what_becomes_of_an_order_is_what_the_page_says(rows: dict[str, list[Row]], name: str) -> None:
    recorded = {row.key: row for row in matrix.read()}
    assert rows[name] == [recorded.get(row.key) for row in rows[name]]


def test_a_write_that_slurmdbd_loses_makes_no_order_erred(troupe: Troupe) -> None:
    def act(scene: Scene, number: int) -> tuple[str, str, str, frozenset[str]]:
        item = scene.order("unlucky")
        first = scene.pull(lambda scene, _: scene.fate.at(number, Blow.LOSE))
        between = scene.item(item)["state"]
        second = scene.pull()
        users = frozenset(scene.users(scene.resource(item)["backend_id"]))
        assert users == scene.people
        return first.state, between, second.message

    assert troupe.play(act, range(2, 6)) == [("FAILED", "executing", "1 order: 1 done")] * 4
