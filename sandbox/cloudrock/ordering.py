"""What somebody sends to order a resource over REST."""

from __future__ import annotations


def order_body(
    api_url: str, *, offering: str, project: str, name: str, plan: str | None
) -> dict[str, object]:
    """The body of POST marketplace-orders/ for one resource; offering, project and plan by their uuids."""
    wanted: dict[str, object] = {
        "offering": f"{api_url}marketplace-public-offerings/{offering}/",
        "attributes": {"name": name},
        "limits": {},
        "accepting_terms_of_service": True,
    }
    if plan:
        wanted["plan"] = f"{api_url}marketplace-public-plans/{plan}/"
    return {"project": f"{api_url}projects/{project}/", "items": [wanted]}
