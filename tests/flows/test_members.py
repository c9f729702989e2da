"""Membership: who joins a project may compute, who leaves may not, and doubt removes nobody."""

from __future__ import annotations

import pytest

from sandbox.slurm import SandboxError

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]


@pytest.fixture
def newcomer(site, somebody: str) -> str:
    """A user of the marketplace and of the machine who is in no project yet."""
    site.marketplace.office.add_user(somebody, "New Person")
    return somebody


def test_a_new_member_gets_an_association_on_both_sides(site, newcomer: str) -> None:
    first = site.allocation("open house")
    resource = site.resource(first)
    site.marketplace.office.add_freeipa_profile(newcomer, newcomer)
    site.marketplace.office.add_member(site.marketplace.project_uuid, newcomer)
    state = site.pull()
    assert state.message == "no orders to carry out; members of 1 allocation: 1 done"
    assert site.users(resource["backend_id"]) == site.people | {newcomer}
    rows = site.get(f"slurm-associations/?allocation_uuid={resource['resource_uuid']}")
    assert newcomer in {row["username"] for row in rows}
    assert site.pull().message == "no orders to carry out"


def test_a_former_member_loses_it_with_his_jobs_and_stays_a_user(site) -> None:
    first = site.allocation("leaving")
    resource = site.resource(first)
    person = min(site.people)
    job = site.cluster.submit(user=person, account=resource["backend_id"], seconds=90)
    site.cluster.wait_for_job(job, {"RUNNING"})
    site.marketplace.office.remove_member(site.marketplace.project_uuid, person)
    state = site.pull()
    assert state.message == "no orders to carry out; members of 1 allocation: 1 done"
    assert site.users(resource["backend_id"]) == site.people - {person}
    assert site.cluster.wait_for_job(job).startswith("CANCELLED")
    assert site.default_account(person) == "cloudrock"
    rows = site.get(f"slurm-associations/?allocation_uuid={resource['resource_uuid']}")
    assert person not in {row["username"] for row in rows}
    before = site.writes()
    assert site.pull().message == "no orders to carry out"
    assert site.writes() == before


def test_an_empty_team_removes_nobody(site) -> None:
    first = site.allocation("deserted")
    for person in site.people:
        site.marketplace.office.remove_member(site.marketplace.project_uuid, person)
    before = site.writes()
    site.pull()
    assert site.users(site.resource(first)["backend_id"]) == site.people
    assert site.writes() == before


def test_a_team_that_the_marketplace_does_not_tell_removes_nobody(site) -> None:
    first = site.allocation("silent")
    site.marketplace.office.remove_member(site.marketplace.project_uuid, min(site.people))
    site.marketplace.office.fail_next("GET .*/project_permissions/", status=403, body={"detail": "no"})
    site.marketplace.office.fail_next("GET .*/team/", status=404, body={"detail": "Not found."}, times=9)
    before = site.writes()
    site.pull()
    assert site.users(site.resource(first)["backend_id"]) == site.people
    assert site.writes() == before


def test_who_is_missing_in_one_answer_only_is_not_removed(site) -> None:
    first = site.allocation("doubt")
    site.marketplace.office.fail_next("GET .*/team/", status=200, body=[], times=9)
    site.marketplace.office.remove_member(site.marketplace.project_uuid, min(site.people))
    before = site.writes()
    site.pull()
    assert site.users(site.resource(first)["backend_id"]) == site.people
    assert site.writes() == before


def test_with_wait_a_former_member_s_jobs_end_first(site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_TERMINATE_JOBS", "wait")
    first = site.allocation("slow goodbye")
    account = site.resource(first)["backend_id"]
    person, other = sorted(site.people)[:2]
    job = site.cluster.submit(user=person, account=account, seconds=90)
    site.cluster.wait_for_job(job, {"RUNNING"})
    site.marketplace.office.remove_member(site.marketplace.project_uuid, person)
    state = site.pull()
    assert state.message == "no orders to carry out; members of 1 allocation: 1 waiting"
    assert person in site.users(account)
    with pytest.raises(SandboxError, match="Job violates accounting"):
        site.cluster.submit(user=person, account=account)
    site.cluster.run("scancel", str(site.cluster.submit(user=other, account=account)))
    site.cluster.run("scancel", str(job))
    site.cluster.wait_for_job(job)
    assert site.pull().message == "no orders to carry out; members of 1 allocation: 1 done"
    assert person not in site.users(account)


def test_names_that_the_provider_gave_to_the_offering_s_users_are_used(
    site, monkeypatch: pytest.MonkeyPatch, somebody: str
) -> None:
    monkeypatch.setenv("CLOUDROCK_SLURM_USERNAME_SOURCE", "offering")
    user = site.marketplace.users["project_user1"]
    provider = site.get(
        f"marketplace-service-providers/?customer_uuid={site.provider_customer}", "provider_owner"
    )[0]["uuid"]
    site.post(
        f"marketplace-service-providers/{provider}/set_offerings_username/",
        "provider_owner",
        {"user_uuid": user, "username": somebody},
    )
    item = site.order("given names")
    state = site.pull()
    assert (state.type.value, state.message) == ("FAILED", "1 order: 1 done; 1 with remarks")
    assert site.users(site.resource(item)["backend_id"]) == {somebody}


def test_freeipa_names_need_a_staff_token_and_say_so(site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDROCK_SLURM_USERNAME_SOURCE", "freeipa")
    item = site.order("profiles")
    state = site.pull()
    assert state.type.value == "FAILED"
    assert "needs a staff token" in state.message
    assert site.item(item)["state"] == "executing"
    monkeypatch.setenv("CLOUDROCK_API_TOKEN", site.marketplace.tokens["staff"])
    assert site.pull().message == "1 order: 1 done"
    assert site.users(site.resource(item)["backend_id"]) == site.people
