"""Create, update and terminate orders: which ways of finishing work, and what the others lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.bench import Bench


def test_finishing_a_create_in_the_reference_order_opens_two_plan_periods(bench: Bench) -> None:
    item, resource = bench.executing("reference")
    bench.set_state(resource, "creating")
    bench.done(f"marketplace-order-items/{item}/set_state_done/")
    bench.set_state(resource, "ok")
    assert [period["end"] for period in bench.periods(resource)] == [None, None]


@pytest.mark.parametrize("steps", [("done", "ok"), ("ok", "done"), ("creating", "ok")])
def test_finishing_a_create_once_opens_one_plan_period(bench: Bench, steps: tuple[str, str]) -> None:
    item, resource = bench.executing(f"once-{'-'.join(steps)}")
    for step in steps:
        answer = bench.act(item, "set_state_done") if step == "done" else bench.set_state(resource, step)
        assert answer.status_code == 200
    assert bench.states(item) == ("done", "OK", "OK")
    assert len(bench.periods(resource)) == 1


def test_an_approved_item_has_no_resource_keys_until_the_worker_ran(bench: Bench) -> None:
    item = bench.marketplace.place_order("lag")
    before = bench.get(f"marketplace-order-items/{item}/")
    assert before["state"] == "executing"
    assert "marketplace_resource_uuid" not in before
    bench.office.run_worker()
    after = bench.get(f"marketplace-order-items/{item}/")
    assert after["resource_uuid"] != after["marketplace_resource_uuid"]


def test_a_service_manager_sees_items_and_may_not_complete_them(bench: Bench) -> None:
    item = bench.marketplace.place_order("managers", approve=False)
    assert bench.get(f"marketplace-order-items/{item}/", "provider_manager")["state"] == "pending"
    for action in ("approve", "set_state_executing", "set_state_done", "set_state_erred", "reject"):
        answer = bench.post(f"marketplace-order-items/{item}/{action}/", actor="provider_manager")
        assert answer.status_code == 403
    assert bench.post(f"marketplace-order-items/{item}/approve/", actor="outsider").status_code == 404


def test_an_update_replaces_the_limits_and_the_plan_period(bench: Bench) -> None:
    offering = bench.marketplace.offering_uuid
    resource = bench.finished("update")
    for word in ("cpu", "mem", "gres/gpu"):
        bench.office.configure_component(offering, word, billing_type="limit")
    bench.done(f"marketplace-slurm-remote/{resource}/set_limits/", {"cpu": 10, "mem": 20})
    item = bench.office.insert_update_order(resource, {"cpu": 50})
    bench.approved(item)
    assert bench.states(item) == ("executing", "Updating", "Update Scheduled")
    bench.set_state(resource, "updating")
    bench.set_state(resource, "ok")
    assert bench.states(item) == ("done", "OK", "OK")
    assert bench.get(f"marketplace-resources/{resource}/")["limits"] == {"cpu": 50}
    assert [period["end"] is None for period in bench.periods(resource)] == [False, True]
    for word in ("cpu", "mem", "gres/gpu"):
        bench.office.configure_component(offering, word, billing_type="usage")


def test_an_update_with_limits_of_usage_components_fails_with_500_and_changes_nothing(bench: Bench) -> None:
    resource = bench.finished("trap")
    item = bench.office.insert_update_order(resource, {"cpu": 50})
    bench.approved(item)
    answer = bench.act(item, "set_state_done")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (500, "text/html")
    assert bench.states(item) == ("executing", "Updating", "Update Scheduled")
    assert [period["end"] for period in bench.periods(resource)] == [None]
    bench.set_state(resource, "updating")
    assert bench.set_state(resource, "ok").status_code == 500
    assert bench.states(item) == ("executing", "Updating", "Updating")


def test_the_clients_member_updating_schedules_the_deletion_of_a_running_allocation(bench: Bench) -> None:
    resource = bench.finished("crossed")
    assert bench.set_state(resource, "deletion_scheduled").status_code == 200
    details = bench.get(f"marketplace-resources/{resource}/details/")
    assert details["state"] == "Deletion Scheduled"


def test_a_refused_step_of_the_allocation_is_a_409_that_names_the_state_by_number(bench: Bench) -> None:
    resource = bench.finished("conflict")
    answer = bench.set_state(resource, "creating")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Allocation state can not be changed from 3 to creating."}


def test_a_termination_is_done_while_its_allocation_is_scheduled_for_deletion_only(bench: Bench) -> None:
    resource = bench.finished("ended")
    item = bench.terminating(resource)
    assert bench.states(item) == ("executing", "Terminating", "Deletion Scheduled")
    bench.set_state(resource, "deleting")
    assert bench.act(item, "set_state_done").status_code == 500
    bench.set_state(resource, "ok")
    assert bench.act(item, "set_state_done").status_code == 500
    bench.set_state(resource, "deletion_scheduled")
    assert bench.act(item, "set_state_done").status_code == 200
    assert bench.states(item) == ("done", "Terminated", "Deleting")
    assert [period["end"] is None for period in bench.periods(resource)] == [False]


def test_a_second_order_on_a_resource_waits_for_the_first(bench: Bench) -> None:
    resource = bench.finished("second")
    bench.done(f"marketplace-resources/{resource}/terminate/")
    answer = bench.post(f"marketplace-resources/{resource}/terminate/")
    assert (answer.status_code, answer.json()) == (400, ["Pending order item for resource already exists."])


@pytest.mark.parametrize(
    ("reason", "state"), [("failed", ("erred", "Erred")), ("rejected", ("terminated", "Terminated"))]
)
def test_a_create_that_fails_or_is_rejected_leaves_no_plan_period(
    bench: Bench, reason: str, state: tuple[str, str]
) -> None:
    item, resource = bench.executing(reason)
    if reason == "failed":
        bench.done(
            f"marketplace-order-items/{item}/set_state_erred/", {"error_message": "m", "error_traceback": ""}
        )
    else:
        bench.done(f"marketplace-order-items/{item}/reject/")
    assert bench.states(item)[:2] == state
    assert bench.periods(resource) == []


def test_an_erred_item_needs_both_texts_and_keeps_its_message_over_a_retry(bench: Bench) -> None:
    item, _ = bench.executing("retried")
    assert bench.act(item, "set_state_erred", {"error_message": "m"}).status_code == 500
    assert bench.states(item)[0] == "executing"
    bench.act(item, "set_state_erred", {"error_message": "SLURM is down", "error_traceback": "secret"})
    bench.act(item, "set_state_executing")
    owned = bench.get(f"marketplace-order-items/{item}/")
    assert (owned["state"], owned["error_message"]) == ("executing", "SLURM is down")
    assert "error_traceback" not in owned
    assert bench.get(f"marketplace-order-items/{item}/", "staff")["error_traceback"] == "secret"
    assert bench.act(item, "set_state_done").status_code == 200
    assert bench.states(item)[:2] == ("done", "OK")


def test_an_item_that_was_forced_to_execute_is_a_dead_end(bench: Bench) -> None:
    item = bench.marketplace.place_order("forced", approve=False)
    bench.act(item, "set_state_executing")
    assert bench.office.run_worker() == 0
    assert bench.act(item, "set_state_done").status_code == 500
    assert bench.act(item, "approve").json() == ["Order item does not have a resource."]


def test_a_resource_without_a_plan_never_has_a_plan_period(bench: Bench) -> None:
    item, resource = bench.executing("planless", plan=False)
    bench.done(f"marketplace-order-items/{item}/set_state_done/")
    assert bench.periods(resource) == []


def test_limits_are_refused_at_order_time_and_can_be_put_in_beside_rest(bench: Bench) -> None:
    item = bench.marketplace.place_order("limited", limits={"cpu": 7})
    assert bench.get(f"marketplace-order-items/{item}/")["limits"] == {"cpu": 7}
    bench.office.run_worker()
    resource = bench.office.state_of(item)["resource"]
    assert bench.get(f"marketplace-resources/{resource}/")["limits"] == {"cpu": 7}


@pytest.mark.parametrize(
    "name", ["; rm -rf / #", "<script>alert(1)</script>", "a\nb\tc", "é漢字🧬", "'\"`$(id)", "-r"]
)
def test_names_are_kept_as_they_are(bench: Bench, name: str) -> None:
    customer = bench.office.add_customer(name)
    project = bench.office.add_project(customer, name)
    bench.office.add_customer_role(customer, "c1owner", "owner")
    item = bench.marketplace.place_order(name, project=project)
    shown = bench.get(f"marketplace-order-items/{item}/")
    assert shown["attributes"]["name"] == shown["project_name"] == shown["customer_name"] == name


def test_the_worker_processes_approved_items_by_itself_when_it_is_not_paused(bench: Bench) -> None:
    bench.office.resume_worker()
    item = bench.marketplace.place_order("soon")
    while bench.office.state_of(item)["resource"] is None:
        bench.get("version/")
    bench.office.pause_worker()
    assert bench.states(item) == ("executing", "Creating", "Creation Scheduled")
