"""The client library that integrations use, against the stand-in: its ways, and its traps, are met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cloudrock_client import (
    CloudrockClient,
    CloudrockClientException,
    ComponentUsage,
    OfferingComponent,
    SlurmAllocationState,
)

if TYPE_CHECKING:
    from tests.sandbox.cloudrock.bench import Bench


@pytest.fixture
def client(bench: Bench) -> CloudrockClient:
    return CloudrockClient(bench.marketplace.api_url, bench.marketplace.tokens["provider_owner"])


def test_an_integration_goes_from_order_to_usage_and_termination(
    bench: Bench, client: CloudrockClient
) -> None:
    offering = bench.marketplace.offering_uuid
    item, resource = bench.executing("client")
    (found,) = client.list_order_items({"offering_uuid": offering, "state": "executing"})
    assert (found["uuid"], found["marketplace_resource_uuid"]) == (item, resource)
    client.marketplace_resource_set_backend_id(resource, "hpc_client")
    client.set_slurm_allocation_backend_id(resource, "hpc_client")
    client.create_slurm_association(resource, "w_c1p1u1")
    client.create_slurm_association(resource, "w_c1p1u1")
    associations = client.list_slurm_associations({"allocation_uuid": found["resource_uuid"]})
    assert [one["username"] for one in associations] == ["w_c1p1u1"]
    client.set_slurm_allocation_state(resource, SlurmAllocationState.CREATING)
    client.set_slurm_allocation_state(resource, SlurmAllocationState.OK)
    (period,) = client.marketplace_resource_get_plan_periods(resource)
    client.create_component_usages(period["uuid"], [ComponentUsage(type="cpu", amount=5)])
    (usage,) = client.list_component_usages(resource)
    assert (usage["type"], usage["usage"]) == ("cpu", 5)
    client.delete_slurm_association(resource, "w_c1p1u1")
    ending = bench.terminating(resource)
    client.marketplace_order_item_set_state_done(ending)
    assert bench.states(ending) == ("done", "Terminated", "Deleting")


def test_its_pages_are_followed_to_the_end_although_its_addresses_grow(
    bench: Bench, client: CloudrockClient
) -> None:
    market = bench.marketplace
    project = bench.office.add_project(market.customer_uuid, "paged")
    made = bench.office.add_resources(project, market.offering_uuid, market.plan_uuid, 450)
    found = client.filter_marketplace_resources({"project_uuid": project, "field": "uuid"})
    assert [one["uuid"] for one in found] == made
    with pytest.raises(CloudrockClientException, match="414"):
        client.filter_marketplace_resources(
            {"project_uuid": project, "field": ["uuid", "name"], "page_size": 5}
        )


def test_a_provider_cannot_read_an_allocation_nor_the_profiles_of_others(
    bench: Bench, client: CloudrockClient
) -> None:
    resource = bench.finished("unseen")
    allocation = bench.get(f"marketplace-resources/{resource}/")["resource_uuid"]
    with pytest.raises(CloudrockClientException, match="404"):
        client.get_slurm_allocation(allocation)
    assert client.list_freeipa_profiles() == []
    with pytest.raises(CloudrockClientException, match="404"):
        client.list_slurm_allocation_user_usage({"allocation_uuid": allocation})


def test_its_update_of_components_wipes_what_was_set_by_hand(bench: Bench, client: CloudrockClient) -> None:
    offering = bench.marketplace.offering_uuid
    bench.finished("wiped")
    bench.office.configure_component(offering, "cpu", description="by hand", article_code="A1")
    words = ("cpu", "gres/gpu", "mem")
    client.update_offering_components(
        offering,
        [OfferingComponent(billing_type="usage", type=word, name=word, measured_unit="h") for word in words],
    )
    shown = bench.get(f"marketplace-public-offerings/{offering}/?field=components")["components"]
    assert [(one["type"], one["description"], one["article_code"]) for one in shown] == [
        (word, "", "") for word in words
    ]
