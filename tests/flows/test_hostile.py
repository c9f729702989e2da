"""200 hostile names in customers, projects, resources and user names: nothing of others is ever touched."""

from __future__ import annotations

import random
import re

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.prefect]

LISTED = (
    "a,b",
    "x account=root",
    "",
    " ",
    "-i",
    "--help",
    "root",
    "cloudrock",
    "name=",
    "where",
    "set parent=root",
    "a\nb",
    "a\tb",
    "a|b",
    "a'b\"c`d",
    "\\",
    "$(reboot)",
    "; rm -rf /",
    "%s%n",
    "../../etc",
    "hpc_",
    "HPC_UPPER",
    "ünïcödé",
    "名前",
    "\u202eright to left",
    "a\u2028b",
    "\x00nul",
    "e\u0301",
    "\ufeffbom",
    "x" * 300,
)
ALPHABET = "abcXYZ019_-.,=:;|'\"`\\/ \t\n$&*?!<>(){}[]~#%@+^éßñ\u4e2d\u202e"
SHARES = {"user": 120, "resource": 35, "project": 25, "customer": 20}
"""How the 200 names are spread: user names cost nothing, every resource is an order."""


def hostile_names() -> list[str]:
    """The listed ones and made ones: the same at every run."""
    chance = random.Random(3)  # noqa: S311 - no secret
    made = {"".join(chance.choices(ALPHABET, k=chance.randint(1, 40))) for _ in range(400)}
    names = list(dict.fromkeys([*LISTED, *sorted(made)]))
    return names[: sum(SHARES.values())]


def spread() -> dict[str, list[str]]:
    """Kind to its names; each kind begins with some of the listed ones."""
    names = hostile_names()
    kinds = [kind for kind, count in SHARES.items() for _ in range(count)]
    random.Random(4).shuffle(kinds)  # noqa: S311 - the same
    found: dict[str, list[str]] = {kind: [] for kind in SHARES}
    for kind, name in zip(kinds, names, strict=True):
        found[kind].append(name)
    return found


def test_200_hostile_names_touch_nothing_unmanaged_and_make_no_extra_user(site) -> None:
    names = spread()
    assert sum(map(len, names.values())) == 200
    office = site.marketplace.office
    customers = [office.add_customer(name) for name in names["customer"]]
    for customer in customers:
        office.add_customer_role(customer, site.marketplace.users["customer_owner"], "owner")
    projects = [
        office.add_project(customers[number % len(customers)], name)
        for number, name in enumerate(names["project"])
    ]
    for number, name in enumerate(names["user"]):
        user = office.add_user(name, "Eve")
        office.add_member(projects[number % len(projects)], user["uuid"])
    for project in projects:
        office.add_member(project, min(site.people))
    items = [
        site.marketplace.place_order(name or "-", project=projects[number % len(projects)])
        for number, name in enumerate(names["resource"])
    ]
    office.run_worker()
    accounts_before, users_before = site.accounts(), site.all_users()
    unmanaged = {name: found for name, found in accounts_before.items() if not name.startswith("hpc_")}

    site.pull()

    accounts = site.accounts()
    assert {name: accounts.get(name) for name in unmanaged} == unmanaged
    states = {site.item(item)["state"] for item in items}
    assert states == {"done"}
    resources = [site.resource(item) for item in items]
    expected = {resource["backend_id"] for resource in resources}
    expected |= {f"hpc_{resource['project_uuid']}" for resource in resources}
    expected |= {f"hpc_{resource['customer_uuid']}" for resource in resources}
    assert set(accounts) - set(accounts_before) == expected
    assert all(re.fullmatch(r"hpc_[a-z0-9_.-]{5,}", account) for account in expected)
    safe = {name for name in names["user"] if re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,31}", name)} - {"root"}
    assert site.all_users() - users_before <= safe | site.people
    root_line = site.cluster.run(
        "sacctmgr", "-nP", "show", "user", "where", "name=root", "format=user,adminlevel"
    )
    assert root_line.strip() == "root|Administrator"
