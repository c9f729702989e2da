"""Update orders: new limits, and the switch of plan that looks like one; contract/API.md 3.2."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


def test_an_update_of_limits_sets_them_and_ends_with_one_open_period(site) -> None:
    site.limited("cpu")
    first = site.allocation("growing")
    order = site.update(first, {"cpu": 5000})
    state = site.pull()
    assert (state.type.value, state.message) == ("COMPLETED", "1 order: 1 done")
    account = site.resource(first)["backend_id"]
    assert site.accounts()[account][1] == "cpu=5000,gres/gpu=60,mem=600G"
    assert (site.item(order)["state"], site.resource(first)["state"]) == ("done", "OK")
    assert site.resource(first)["limits"] == {"cpu": 5000}
    assert site.allocation_state(first) == "OK"
    assert len(site.open_periods(first)) == 1


def test_a_second_update_is_carried_out_as_the_first_was(site) -> None:
    site.limited("cpu")
    first = site.allocation("twice updated")
    for amount in (5000, 7000):
        order = site.update(first, {"cpu": amount})
        assert site.pull().message == "1 order: 1 done"
        assert site.item(order)["state"] == "done"
    account = site.resource(first)["backend_id"]
    assert site.accounts()[account][1].startswith("cpu=7000,")
    assert len(site.open_periods(first)) == 1


def test_a_switch_of_plan_leaves_the_cluster_alone_and_opens_the_new_period(site) -> None:
    first = site.allocation("switching")
    plan = site.marketplace.office.add_plan(site.marketplace.offering_uuid, "Another")
    before = site.writes()
    address = f"{site.marketplace.api_url}marketplace-public-plans/{plan}/"
    order = site.ask_for("switch_plan", first, {"plan": address})
    assert site.pull().message == "1 order: 1 done"
    assert site.writes() == before
    assert (site.item(order)["state"], site.resource(first)["state"]) == ("done", "OK")
    (period,) = site.open_periods(first)
    assert period["plan_uuid"] == plan
    assert site.allocation_state(first) == "OK"


def test_limits_that_the_offering_does_not_bill_by_limit_make_the_order_erred_with_the_reason(site) -> None:
    first = site.allocation("impossible")
    order = site.update(first, {"cpu": 5000})
    before = site.writes()
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "1 order: 1 erred")
    assert site.item(order)["state"] == "erred"
    assert "'cpu', which the offering does not bill by limit" in site.item(order)["error_message"]
    assert site.writes() == before
    assert site.allocation_state(first) == "OK"
    asked = [r["path"] for r in site.marketplace.office.requests() if r["status"] == 500]
    assert asked == []


def test_limits_that_somebody_set_beside_are_mended_before_they_fail_the_order_for_ever(site) -> None:
    site.limited("cpu")
    first = site.allocation("polluted")
    resource = site.resource(first)["uuid"]
    site.post(f"marketplace-slurm-remote/{resource}/set_limits/", "provider_owner", {"mem": 7, "cpu": 1})
    order = site.update(first, {"cpu": 900})
    assert site.pull().message == "1 order: 1 done"
    assert site.item(order)["state"] == "done"
    assert site.resource(first)["limits"] == {"cpu": 900}


def test_an_erred_update_is_retried_and_ends_well(site) -> None:
    first = site.allocation("second try")
    order = site.update(first, {"cpu": 5000})
    site.pull()
    assert site.item(order)["state"] == "erred"
    site.limited("cpu")
    code, said, _ = site.command("retry", order)
    assert (code, "is executing again" in said) == (0, True), said
    assert site.pull().message == "1 order: 1 done"
    account = site.resource(first)["backend_id"]
    assert site.accounts()[account][1].startswith("cpu=5000,")
    assert (site.item(order)["state"], site.resource(first)["state"]) == ("done", "OK")
    assert len(site.open_periods(first)) == 1


def test_an_update_of_an_allocation_whose_account_vanished_makes_it_again(site) -> None:
    site.limited("cpu")
    first = site.allocation("lost")
    account = site.resource(first)["backend_id"]
    site.cluster.run("sacctmgr", "-i", "delete", "account", "where", f"name={account}")
    site.update(first, {"cpu": 900})
    assert site.pull().message == "1 order: 1 done"
    assert site.accounts()[account][1].startswith("cpu=900,")
    assert site.users(account) == site.people
