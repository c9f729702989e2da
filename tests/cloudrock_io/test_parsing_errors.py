"""JSON that is no record becomes one error that names the thing, whatever it is."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudrock_io import parsing
from cloudrock_io.errors import UnexpectedCloudrockData

if TYPE_CHECKING:
    from collections.abc import Callable

    Body = Callable[[str], Any]

PARSERS = (
    parsing.parse_order_item,
    parsing.parse_resource,
    parsing.parse_team_member,
    parsing.parse_freeipa_profile,
    parsing.parse_association,
    parsing.parse_plan_period,
    parsing.parse_component_usage,
    parsing.parse_user_usage,
    parsing.parse_offering,
    parsing.parse_token_owner,
    parsing.parse_service_provider,
    parsing.parse_project_role,
    parsing.parse_offering_user,
)


ROLE, NAMED = "service_provider.project_permissions", "offering_users.list.owner"
ORDER, RESOURCE, PERIOD = "update.executing.get", "resource.get.ok", "plan_periods.after_allocation_ok"
USAGE, LINK = "update.usage_list_has_both_rows", "association.list.by_allocation"


@pytest.mark.parametrize(
    ("parse", "name", "change", "words"),
    [
        (
            parsing.parse_order_item,
            ORDER,
            {"state": "Executing"},
            "key 'state': expected one of pending, execu",
        ),
        (parsing.parse_order_item, ORDER, {"state": "Executing"}, "got 'Executing'"),
        (parsing.parse_order_item, ORDER, {"type": None}, "one of Create, Update, Terminate, got None"),
        (
            parsing.parse_order_item,
            ORDER,
            {"uuid": "../users"},
            "a uuid of 32 hexadecimal digits, got '../users'",
        ),
        (parsing.parse_order_item, ORDER, {"marketplace_resource_uuid": 5}, "'marketplace_resource_uuid'"),
        (parsing.parse_order_item, ORDER, {"customer_uuid": None}, "'customer_uuid'"),
        (parsing.parse_order_item, ORDER, {"limits": []}, "key 'limits': expected an object, got a list"),
        (
            parsing.parse_order_item,
            ORDER,
            {"limits": {"cpu": 12.5}},
            "'limits', key 'cpu': expected a whole n",
        ),
        (parsing.parse_order_item, ORDER, {"limits": {"cpu": True}}, "got True"),
        (parsing.parse_order_item, ORDER, {"limits": {"cpu": "10"}}, "got '10'"),
        (parsing.parse_order_item, ORDER, {"limits": {"cpu": None}}, "got None"),
        (parsing.parse_order_item, ORDER, {"limits": {"cpu": {}}}, "got an object"),
        (parsing.parse_order_item, ORDER, {"limits": {"cpu": -1}}, "a whole number, 0 or more, got -1"),
        (parsing.parse_order_item, ORDER, {"limits": {"cpu": -(10**5000)}}, "got a huge number"),
        (
            parsing.parse_order_item,
            ORDER,
            {"attributes": {"old_limits": {"cpu": -1}}},
            "'old_limits', key 'cpu'",
        ),
        (parsing.parse_order_item, ORDER, {"created": "2026-11-22T06:52:00"}, "with an offset"),
        (parsing.parse_order_item, ORDER, {"created": "yesterday"}, "got 'yesterday'"),
        (parsing.parse_order_item, ORDER, {"created": 17}, "got 17"),
        (parsing.parse_resource, RESOURCE, {"state": "Paused"}, "one of Creating, OK, Erred"),
        (parsing.parse_resource, RESOURCE, {"name": 7}, "key 'name': expected a string, got 7"),
        (parsing.parse_resource, RESOURCE, {"backend_metadata": {"state": "Nirvana"}}, "got 'Nirvana'"),
        (parsing.parse_resource, RESOURCE, {"name": "a\nb" * 200, "backend_id": ["x"]}, "got a list"),
        (
            parsing.parse_plan_period,
            PERIOD,
            {"components": None},
            "key 'components': expected a list, got None",
        ),
        (parsing.parse_plan_period, PERIOD, {"components": [7]}, "expected an object, got 7"),
        (
            parsing.parse_plan_period,
            PERIOD,
            {"components": [{"type": "cpu", "usage": 1}] * 2},
            "each component",
        ),
        (parsing.parse_component_usage, USAGE, {"billing_period": "2026-11-22"}, "the first day of a month"),
        (parsing.parse_component_usage, USAGE, {"usage": 1.5}, "key 'usage'"),
        (
            parsing.parse_association,
            LINK,
            {"allocation": "http://x/api/slurm-allocations/7/"},
            "ends with a uuid",
        ),
        (parsing.parse_freeipa_profile, "freeipa.list.staff", {"is_active": 1}, "true or false, got 1"),
        (parsing.parse_user_usage, "user_usage.list.real_endpoint.month", {"month": 13}, "1 to 12, got 13"),
        (parsing.parse_offering, "offering.provider.owner", {"components": [{}]}, "key 'type'"),
        (parsing.parse_offering, "offering.provider.owner", {"plans": [{"archived": 1}]}, "key 'is_active'"),
        (parsing.parse_token_owner, "users.me", {"customer_permissions": 1}, "'customer_permissions'"),
        (parsing.parse_token_owner, "users.me", {"token_lifetime": "3600"}, "'token_lifetime'"),
        (parsing.parse_project_role, ROLE, {"project_uuid": None}, "'project_uuid'"),
        (parsing.parse_project_role, ROLE, {"user_uuid": "x"}, "a uuid of 32 hexadecimal digits, got 'x'"),
        (parsing.parse_project_role, ROLE, {"user_username": 7}, "'user_username': expected a string, got 7"),
        (parsing.parse_project_role, ROLE, {"role": None}, "'role'"),
        (parsing.parse_offering_user, NAMED, {"user_uuid": None}, "'user_uuid'"),
        (parsing.parse_offering_user, NAMED, {"username": 7}, "'username'"),
        (parsing.parse_order_item, ORDER, {"order_approved_at": 7}, "'order_approved_at'"),
        (parsing.parse_offering, "offering.provider.owner", {"customer_uuid": ""}, "'customer_uuid'"),
    ],
)
def test_what_is_wrong_is_named(
    body: Body, parse: Callable[[object], object], name: str, change: dict[str, object], words: str
) -> None:
    json = body(name)
    row = json[0] if isinstance(json, list) else json
    with pytest.raises(UnexpectedCloudrockData) as caught:
        parse(row | change)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_open_end_is_null_and_never_just_missing(body: Body) -> None:
    row = body(PERIOD)[0]
    del row["end"]
    with pytest.raises(
        UnexpectedCloudrockData, match="key 'end': expected a date and time, or null, got nothing"
    ):
        parsing.parse_plan_period(row)


def test_whole_numbers_written_with_a_point_are_whole(body: Body) -> None:
    item = parsing.parse_order_item(body(ORDER) | {"limits": {"cpu": 10.0}})
    assert item.limits == {"cpu": 10}
    assert type(item.limits["cpu"]) is int


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@pytest.mark.parametrize("parse", PARSERS)
@given(json=JSON)
def test_any_json_becomes_a_record_or_the_one_error(parse: Callable[[object], object], json: object) -> None:
    with pytest.raises(UnexpectedCloudrockData):
        parse(json)


SAMPLES = (
    (parsing.parse_order_item, ORDER),
    (parsing.parse_resource, RESOURCE),
    (parsing.parse_plan_period, "usage.plan_periods_after"),
    (parsing.parse_component_usage, USAGE),
    (parsing.parse_association, LINK),
    (parsing.parse_freeipa_profile, "freeipa.list.staff"),
    (parsing.parse_team_member, "resource.team.owner"),
    (parsing.parse_user_usage, "user_usage.list.real_endpoint.month"),
    (parsing.parse_offering, "offering.provider.owner"),
    (parsing.parse_token_owner, "users.me"),
    (parsing.parse_project_role, ROLE),
    (parsing.parse_offering_user, NAMED),
)


@settings(max_examples=40)
@pytest.mark.parametrize(("parse", "name"), SAMPLES)
@given(picks=st.data())
def test_a_real_answer_with_anything_in_one_key_is_read_or_named(
    exchanges: dict[str, dict[str, Any]], parse: Callable[[object], object], name: str, picks: st.DataObject
) -> None:
    json = exchanges[name]["response"]["body"]
    row = json[0] if isinstance(json, list) else json
    changed = row | {picks.draw(st.sampled_from(sorted(row))): picks.draw(JSON)}
    try:
        record = parse(changed)
    except UnexpectedCloudrockData as error:
        assert "\n" not in str(error)  # noqa: PT017  # either outcome is right
    else:
        assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301  # our own bytes
