"""What is billed: usage per component, plan period and UTC month."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.bench import Bench


def ready(bench: Bench, name: str) -> tuple[str, str]:
    """A resource, and its open plan period."""
    resource = bench.finished(name)
    return resource, bench.periods(resource)[0]["uuid"]


def test_the_same_usage_posted_twice_is_one_row(bench: Bench) -> None:
    resource, period = ready(bench, "twice")
    month = bench.office.clock()
    assert month is not None
    for _ in range(2):
        assert bench.report(period, cpu=5, mem=6).status_code == 201
    assert bench.rows(resource) == [(month[:7], "cpu", 5), (month[:7], "mem", 6)]


def test_sixteen_parallel_reports_are_one_row(bench: Bench) -> None:
    resource, period = ready(bench, "race")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda amount: bench.report(period, cpu=amount).status_code, range(16)))
    assert answers == [201] * 16
    assert len(bench.rows(resource)) == 1


def test_a_report_sets_and_a_lower_amount_wins_over_a_higher_one(bench: Bench) -> None:
    resource, period = ready(bench, "lower")
    bench.report(period, cpu=100, mem=3)
    bench.report(period, cpu=7)
    assert [row[1:] for row in bench.rows(resource)] == [("cpu", 7), ("mem", 3)]
    assert bench.get(f"marketplace-resources/{resource}/")["current_usages"] == {"cpu": 7}


def test_one_unknown_component_refuses_the_whole_report(bench: Bench) -> None:
    resource, period = ready(bench, "unknown")
    answer = bench.report(period, cpu=1, gpu=2, ram=3)
    assert answer.json() == {"non_field_errors": ["These components are invalid: gpu, ram."]}
    assert bench.rows(resource) == []


def test_a_failure_at_the_second_component_takes_the_first_one_back(bench: Bench) -> None:
    resource, period = ready(bench, "atomic")
    assert bench.report(period, cpu=1, mem=2**63).status_code == 500
    assert bench.rows(resource) == []
    assert bench.get(f"marketplace-resources/{resource}/")["current_usages"] == {}


@pytest.mark.parametrize("amount", [12.5, "14.50", "abc", True, None, [], "", "1e3"])
def test_amounts_that_are_not_whole_numbers_are_refused(bench: Bench, amount: object) -> None:
    _, period = ready(bench, f"amount {amount!r}")
    answer = bench.report(period, cpu=amount)
    assert answer.status_code == 400
    assert list(answer.json()) == ["usages"]


@pytest.mark.parametrize(
    ("amount", "stored"), [(13.0, 13), ("15", 15), (-5, -5), (2**63 - 1, 2**63 - 1), ("3.0", 3)]
)
def test_whole_numbers_are_taken_in_any_spelling(bench: Bench, amount: object, stored: int) -> None:
    resource, period = ready(bench, f"whole {amount!r}")
    assert bench.report(period, cpu=amount).status_code == 201
    assert [row[2] for row in bench.rows(resource)] == [stored]


def test_a_date_in_the_body_is_ignored(bench: Bench) -> None:
    resource, period = ready(bench, "dated")
    bench.office.set_clock("2026-11-30T12:00:00Z")
    body = {
        "plan_period": period,
        "date": "2026-10-15T00:00:00Z",
        "billing_period": "2026-10-01",
        "usages": [{"type": "cpu", "amount": 1, "date": "2026-10-15"}],
    }
    assert bench.post("marketplace-component-usages/set_usage/", body, "staff").status_code == 201
    assert bench.rows(resource) == [("2026-11", "cpu", 1)]


def test_a_server_that_books_dated_usage_puts_it_under_its_month_and_refuses_what_is_no_date(
    bench: Bench,
) -> None:
    resource, period = ready(bench, "dated switch")
    bench.office.set_clock("2026-11-30T12:00:00Z")
    bench.office.set_dated_usage(True)
    report = {"plan_period": period, "usages": [{"type": "cpu", "amount": 1}]}
    path = "marketplace-component-usages/set_usage/"
    assert bench.post(path, {**report, "date": "2026-10-15T12:00:00Z"}).status_code == 201
    assert bench.post(path, {**report, "date": "2026-10-15T12:00:00Z"}).status_code == 201
    assert bench.post(path, report).status_code == 201
    assert bench.rows(resource) == [("2026-10", "cpu", 1), ("2026-11", "cpu", 1)]
    answer = bench.post(path, {"plan_period": "0" * 32, "usages": [], "date": "never"})
    assert (answer.status_code, list(answer.json())) == (400, ["date"])
    bench.office.set_dated_usage(False)
    answer = bench.post(path, {"plan_period": "0" * 32, "usages": [], "date": "never"})
    assert (answer.status_code, list(answer.json())) == (400, ["plan_period"])
    assert bench.rows(resource) == [("2026-10", "cpu", 1), ("2026-11", "cpu", 1)]


def test_after_the_turn_of_the_month_the_old_row_stays_and_a_new_one_begins(bench: Bench) -> None:
    bench.office.set_clock("2026-11-30T23:59:50Z")
    resource, period = ready(bench, "turn")
    bench.report(period, cpu=900)
    bench.office.set_clock("2026-12-01T00:00:01Z")
    assert bench.periods(resource)[0]["components"] == []
    bench.report(period, cpu=3)
    assert bench.rows(resource) == [("2026-11", "cpu", 900), ("2026-12", "cpu", 3)]


def test_the_month_is_that_of_utc_and_of_the_date_header(bench: Bench) -> None:
    bench.office.set_clock("2026-12-01T01:30:00+02:00")
    resource, period = ready(bench, "utc")
    answer = bench.report(period, cpu=1)
    assert answer.headers["date"].startswith("Mon, 30 Nov 2026 23:30:0")
    assert answer.headers.get_list("date") == [answer.headers["date"]]
    assert bench.rows(resource) == [("2026-11", "cpu", 1)]


def test_a_period_that_ended_in_an_earlier_month_is_closed_for_everybody(bench: Bench) -> None:
    resource, period = ready(bench, "closed")
    bench.office.set_clock("2026-12-10T00:00:00Z")
    bench.office.set_period_end(period, "2026-11-30T23:59:59Z")
    assert bench.periods(resource) == []
    for actor in ("provider_owner", "staff"):
        answer = bench.report(period, actor, cpu=1)
        assert (answer.status_code, answer.json()) == (400, {"plan_period": ["Billing period is closed."]})
    bench.office.set_period_end(period, "2026-12-01T00:00:00Z")
    assert bench.report(period, cpu=1).status_code == 201


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Creating", 400),
        ("OK", 201),
        ("Erred", 400),
        ("Updating", 201),
        ("Terminating", 201),
        ("Terminated", 400),
    ],
)
def test_usage_is_taken_while_the_resource_lives(bench: Bench, state: str, status: int) -> None:
    resource, period = ready(bench, f"state {state}")
    bench.office.force_resource_state(resource, state)
    assert bench.report(period, cpu=1).status_code == status


def test_strangers_may_read_all_usage_and_report_none(bench: Bench) -> None:
    resource, period = ready(bench, "strangers")
    bench.report(period, cpu=1)
    assert len(bench.get(f"marketplace-component-usages/?resource_uuid={resource}", "outsider")) == 1
    for actor in ("outsider", "customer_owner", "project_user1"):
        assert bench.report(period, actor, cpu=2).status_code == 403
        assert bench.report(period, actor, nonsense=2).status_code == 400
    assert bench.report(period, "provider_manager", cpu=2).status_code == 201


def test_a_yearly_limit_counts_the_row_that_is_replaced(bench: Bench) -> None:
    resource, period = ready(bench, "yearly")
    offering = bench.marketplace.offering_uuid
    bench.office.configure_component(offering, "cpu", limit_period="annual", limit_amount=100)
    assert bench.report(period, cpu=60).status_code == 201
    again = bench.report(period, mem=1, cpu=60)
    assert again.json() == ["Total amount exceeds limit. Total amount: 120, limit: 100."]
    assert [row[1] for row in bench.rows(resource)] == ["cpu"]
    bench.office.configure_component(offering, "cpu", limit_period=None, limit_amount=None)


def test_both_of_two_open_periods_take_usage_in_rows_of_their_own(bench: Bench) -> None:
    item, resource = bench.executing("two periods")
    bench.set_state(resource, "creating")
    bench.act(item, "set_state_done")
    bench.set_state(resource, "ok")
    for period in bench.periods(resource):
        bench.report(period["uuid"], cpu=100)
    assert [row[1:] for row in bench.rows(resource)] == [("cpu", 100), ("cpu", 100)]


def user_usage(name: str, **changes: object) -> dict[str, object]:
    amounts = {"cpu_usage": 1, "gpu_usage": 2, "ram_usage": 3}
    return {"username": name, "month": 11, "year": 2026, "user": None, **amounts, **changes}


def test_per_user_usage_wants_every_key_and_takes_any_past_month(bench: Bench) -> None:
    resource, _ = ready(bench, "per user")
    path = f"marketplace-slurm-remote/{resource}/set_usage/"
    body = user_usage("ada")
    for key in body:
        assert bench.post(path, {name: body[name] for name in body if name != key}).status_code == 500
    bench.done(path, user_usage("ada", month=1, year=2020))
    bench.done(path, user_usage("ada", month=1, year=2020, cpu_usage=9))
    address = f"{bench.marketplace.api_url}users/{bench.marketplace.users['project_user1']}/"
    bench.done(path, user_usage("ada", month=1, year=2020, user=address))
    allocation = bench.get(f"marketplace-resources/{resource}/")["resource_uuid"]
    rows = bench.get(f"slurm-allocation-user-usage/?allocation_uuid={allocation}&month=1&year=2020")
    assert [(row["user"], row["cpu_usage"]) for row in rows] == [(None, 9), (address, 1)]


def test_the_totals_of_an_allocation_overwrite_the_component_usage_that_is_billed(bench: Bench) -> None:
    resource, period = ready(bench, "totals")
    bench.report(period, cpu=500, mem=1)
    bench.done(
        f"marketplace-slurm-remote/{resource}/set_usage/", user_usage("TOTAL_ACCOUNT_USAGE", cpu_usage=7)
    )
    assert [row[1:] for row in bench.rows(resource)] == [("cpu", 7), ("mem", 1)]
    assert bench.get(f"marketplace-resources/{resource}/details/")["cpu_usage"] == 7
