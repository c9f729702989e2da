"""What the file decides of a deployment is compared, all of it; whether it is paused is nobody's business."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allocations.deployments import (
    as_sent,
    automation_of_pool,
    deployment_of_pool,
    differences,
    overdue,
    shown,
    strays,
    without_pool,
)
from tests.allocations.checkup_sites import DECLARED, HELD

QUEUED = {"name": "headnode", "work_queue_name": "usage", "job_variables": {"env": {"A": "1"}}}
WITH_PARAMETERS = [{"cron": "15 * * * *", "slug": "hourly", "active": True, "parameters": {"refresh": True}}]


@pytest.mark.parametrize(
    ("declared", "held", "said"),
    [
        ({}, {"description": "x"}, "hourly: description 'x', not 'Reports.'"),
        ({}, {"tags": []}, "hourly: tags [], not ['push']"),
        ({}, {"work_pool_name": "other"}, "hourly: work pool 'other', not 'headnode'"),
        ({}, {"work_queue_name": "other"}, "hourly: work queue 'other', not 'default'"),
        ({"work_pool": QUEUED}, {"work_queue_name": "usage"}, "hourly: job variables {}, not {'env'"),
        (
            {"schedules": WITH_PARAMETERS},
            {},
            "hourly: schedules [('hourly', (True, None, '15 * * * *', 'UTC'))]",
        ),
        ({"pull_steps": [1]}, {}, "hourly: pull steps None, not [1]"),
        ({"parameter_openapi_schema": {"a": 1}}, {}, "hourly: parameter schema None, not {'a': 1}"),
        ({"concurrency_limit": None}, {}, "hourly: concurrency (1, 'ENQUEUE', 600), not (None, None, None)"),
    ],
)
def test_a_difference_names_what_is_and_what_should_be(
    declared: dict[str, Any], held: dict[str, Any], said: str
) -> None:
    (found,) = differences({**DECLARED, **declared}, {**HELD, **held})
    assert str(found).startswith(said)


@pytest.mark.parametrize("held", [{}, {"paused": True}, {"work_queue_name": "default"}])
def test_a_deployment_as_in_the_file_does_not_differ(held: dict[str, Any]) -> None:
    assert list(differences(DECLARED, {**HELD, **held})) == []


def test_what_is_sent_leaves_it_open_whether_the_deployment_is_paused() -> None:
    sent = as_sent({**DECLARED, "work_pool": QUEUED, "pull_steps": [], "flow_name": "push-usage"})
    assert "paused" not in sent
    assert (sent["work_queue_name"], sent["job_variables"]) == ("usage", {"env": {"A": "1"}})
    assert sent["concurrency_limit"] == 1
    assert sent["concurrency_options"] == {"collision_strategy": "ENQUEUE", "grace_period_seconds": 600}
    when = {"cron": "15 * * * *", "timezone": "UTC"}
    assert sent["schedules"] == [{"slug": "hourly", "active": True, "parameters": {}, "schedule": when}]
    bare = as_sent({"name": "x", "entrypoint": "y", "work_pool": {"name": "headnode"}})
    assert (bare["concurrency_options"], bare["schedules"]) == (None, [])


def test_only_a_deployment_of_ours_in_a_work_pool_can_be_one_too_many() -> None:
    ours = {**HELD, "tags": ["cloudrock-slurm"]}
    others = [{**ours, "name": "old"}, {**HELD, "name": "b"}, {**ours, "name": "c", "work_pool_name": None}]
    assert strays([DECLARED], [ours, *others]) == ["old"]


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def scheduled(schedule: str, *minutes: float) -> list[dict[str, Any]]:
    """Runs of a schedule, so many minutes after noon."""
    return [
        {
            "created_by": {"id": schedule},
            "next_scheduled_start_time": (NOON + timedelta(minutes=one)).isoformat(),
        }
        for one in minutes
    ]


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], ""),
        (scheduled("a", 180), ""),
        (scheduled("a", 1, 3, 5), ""),
        (scheduled("a", -1, 7, 9), ""),
        (scheduled("an earlier one", 180, 182), ""),
        (scheduled("a", 9, 7.5), "next run in 0:07:30, its schedule says every 0:01:30"),
        (scheduled("a", -200, 180, 182), "next run in 3:00:00, its schedule says every 0:02:00"),
        (scheduled("hourly", 15, 75, 135) + scheduled("last day", 9000, 53000), ""),
        (
            scheduled("hourly", 195, 255) + scheduled("last day", 9000),
            "next run in 3:15:00, its schedule says",
        ),
    ],
)
def test_a_next_run_is_late_when_it_is_further_away_than_the_schedules_gap(
    runs: list[dict[str, Any]], words: str
) -> None:
    held = {"schedules": [{"id": "a"}, {"id": "hourly"}, {"id": "last day"}]}
    assert overdue(held, runs, NOON).startswith(words)
    assert bool(overdue(held, runs, NOON)) == bool(words)


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 200) == "'" + "x" * 79 + "..."


ENTRY = {
    "name": "backfill",
    "description": "Start it with prefect deployment run push-usage/backfill.",
    "tags": ["cloudrock-slurm"],
    "work_pool": {"name": "headnode", "work_queue_name": "background"},
}
NO_WORKER = {
    "name": "cloudrock-slurm: no worker",
    "trigger": {"match": {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": "headnode"}},
    "actions": [{"subject": "the work pool headnode has no worker", "threshold": 1}],
}
FAILED = {"name": "cloudrock-slurm: a run failed", "trigger": {"match": {"prefect.resource.id": "*"}}}


def test_for_another_pool_its_name_is_in_those_of_deployments() -> None:
    assert deployment_of_pool(ENTRY, "push-usage", "headnode") == ENTRY
    assert deployment_of_pool(ENTRY, "push-usage", "beta") == {
        "name": "backfill-beta",
        "description": "Start it with prefect deployment run push-usage/backfill-beta.",
        "tags": ["cloudrock-slurm", "beta"],
        "work_pool": {"name": "beta", "work_queue_name": "background"},
    }
    own = {**ENTRY, "work_pool": {"name": "mine"}}
    assert deployment_of_pool(own, "push-usage", "beta") == own


def test_an_automation_about_a_pool_is_there_for_each_and_the_others_once() -> None:
    assert automation_of_pool(FAILED, "beta") == FAILED
    assert automation_of_pool(NO_WORKER, "headnode") == NO_WORKER
    found = automation_of_pool(NO_WORKER, "beta")
    assert found["name"] == "cloudrock-slurm: no worker (beta)"
    assert found["trigger"]["match"]["prefect.resource.name"] == "beta"
    assert found["actions"] == [{"subject": "the work pool beta has no worker", "threshold": 1}]
    assert without_pool(found["name"]) == without_pool(NO_WORKER["name"]) == NO_WORKER["name"]


def test_another_pool_s_deployments_are_another_cluster_s() -> None:
    theirs = {**HELD, "name": "hourly-beta", "tags": ["cloudrock-slurm", "beta"], "work_pool_name": "beta"}
    assert strays([DECLARED], [HELD, theirs]) == []
