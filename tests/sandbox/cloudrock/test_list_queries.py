"""A page is read in bulk: what its rows refer to is not asked for row by row."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, event

from cloudrock_io.parsing import RESOURCE_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.cloudrock.bench import Bench

SINCE = "2026-11-01T00:00:00+00:00"


@contextmanager
def statements() -> Iterator[list[str]]:
    """Those that any database of this process is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def filled(module_bench: Bench) -> Bench:
    """A few projects with members, resources and usage."""
    market = module_bench.marketplace
    projects = [
        {"name": f"P{number}", "users": [f"u{number}a", f"u{number}b"], "resources": 2, "limits": {}}
        for number in range(4)
    ]
    market.office.add_projects_at_rest(
        customer=market.customer_uuid,
        offering=market.offering_uuid,
        plan=market.plan_uuid,
        since=SINCE,
        projects=projects,
    )
    for resource in module_bench.get("marketplace-resources/?state=OK&page_size=300"):
        (period,) = module_bench.periods(resource["uuid"])
        module_bench.report(period["uuid"], cpu=1)
        for user in ("u0a", "u0b"):
            shares = {"cpu_usage": 1, "gpu_usage": 0, "ram_usage": 1}
            row = {"username": user, "month": 11, "year": 2026, "user": None, **shares}
            module_bench.done(f"marketplace-slurm-remote/{resource['uuid']}/set_usage/", row)
    return module_bench


@pytest.mark.parametrize(
    "path",
    [
        f"marketplace-resources/?{'&'.join(f'field={key}' for key in RESOURCE_KEYS)}",
        "marketplace-component-usages/?",
        "slurm-associations/?",
        "slurm-allocation-user-usage/?",
        "marketplace-service-providers/{provider}/project_permissions/?",
    ],
    ids=["resources", "component usages", "associations", "users' usage", "members"],
)
def test_a_long_page_of_what_the_agent_lists_takes_as_many_statements_as_a_page_of_one_row(
    filled: Bench, path: str
) -> None:
    address = path.format(provider=filled.marketplace.service_provider_uuid)
    counts = {}
    for size in (1, 5):
        with statements() as asked:
            rows = filled.get(f"{address}&page_size={size}")
        assert len(rows) == size
        counts[size] = len(asked)
    assert counts[5] == counts[1], asked
