"""What somebody sends to order a resource over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def order_body(
    api_url: str,
    *,
    offering: str,
    project: str,
    name: str,
    plan: str | None,
    limits: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The body of POST marketplace-orders/ for one resource; offering, project and plan by their uuids."""
    wanted: dict[str, object] = {
        "offering": f"{api_url}marketplace-public-offerings/{offering}/",
        "attributes": {"name": name},
        "limits": dict(limits or {}),
        "accepting_terms_of_service": True,
    }
    if plan:
        wanted["plan"] = f"{api_url}marketplace-public-plans/{plan}/"
    return {"project": f"{api_url}projects/{project}/", "items": [wanted]}
