"""config-components.yaml: which TRES are sold, in which unit, how they are limited. Strict by design."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from allocations.errors import InvalidComponents

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

LARGEST_LIMIT = 2**53
"""Minutes that a limit may have: sacctmgr prints memory by way of a C double, exact up to here."""
LEGAL_TYPE = re.compile(r"[A-Za-z0-9_/:-]{1,50}")
TYPE_RULE = "1 to 50 letters, digits, '_', '-', '/' or ':' (the marketplace accepts no other)"


class AccountingType(Enum):
    """What limits a component: the file, or the customer's order."""

    USAGE = "usage"
    LIMIT = "limit"


Text = Annotated[str, Field(strict=True, min_length=1, max_length=150, pattern=r"\S")]


class Component(BaseModel):
    """One TRES that is sold.

    `limit` counts backend minutes (MB-minutes for mem); `unit_factor` is how many backend minutes make one
    measured unit. Amounts in the marketplace are measured units.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Text
    limit: Annotated[StrictInt, Field(ge=0, le=LARGEST_LIMIT)]
    measured_unit: Text
    accounting_type: AccountingType
    label: Text
    unit_factor: Annotated[StrictInt, Field(ge=1, le=LARGEST_LIMIT)] = 1


KNOWN_KEYS = ", ".join(name for name in Component.model_fields if name != "type")

Components: TypeAlias = "Mapping[str, Component]"
"""The components by type, in the file's order."""


MERGE = "tag:yaml.org,2002:merge"
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)


class StrictLoader(yaml.SafeLoader):
    """A loader without YAML's surprises: what a person reads in the file is what it says.

    A key written twice, a tag, an alias, a merge key and a number that is not plainly decimal (YAML reads
    `010` as 8 and `1:30` as 90) are errors.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - the base class's signature
        """The node, unless it is an alias or carries a tag."""
        event = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML's stubs leave it open
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.composer.ComposerError(
                problem="aliases and tags are not used in this file", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base class's signature
        """The mapping, or a ConstructorError at the second of two equal keys."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_key(key_node)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} stands here a second time", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_key(self, node: yaml.Node) -> Hashable:
        """A key, which must be plain text or another plain value."""
        if not isinstance(node, yaml.ScalarNode) or node.tag == MERGE:
            raise yaml.constructor.ConstructorError(
                problem="expected a plain key, no merge and no list or mapping", problem_mark=node.start_mark
            )
        key: Hashable = self.construct_object(node, deep=True)
        return key

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """A whole number as people write it."""
        if not DECIMAL.fullmatch(node.value):
            raise yaml.constructor.ConstructorError(
                problem=f"expected a plain decimal number, found {node.value}", problem_mark=node.start_mark
            )
        return int(node.value)


StrictLoader.add_constructor("tag:yaml.org,2002:int", StrictLoader.construct_decimal)


def parse_components(text: str, source: str) -> Components:
    """The components that a file's text describes.

    Args:
        text: the YAML text.
        source: the file's name, for messages.

    Raises:
        InvalidComponents: naming file, component and key, one line per finding.
    """
    try:
        # SafeLoader underneath: no objects are built
        tree = yaml.load(text, Loader=StrictLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # a date that does not exist is a ValueError, a thousand brackets are a RecursionError
        raise InvalidComponents(f"{source}: {yaml_problem(error)}") from None
    if not isinstance(tree, dict) or not tree:
        raise InvalidComponents(
            f"{source}: expected components by type, such as `cpu:` with limit, measured_unit, "
            f"accounting_type and label below it"
        )
    found: dict[str, Component] = {}
    problems: list[str] = []
    for kind, body in tree.items():
        named = f"{source}: component {kind!r}"
        lines = shape_problems(kind, body)
        if not lines:
            try:
                found[kind] = Component.model_validate({**body, "type": kind})
            except ValidationError as error:
                lines = findings(error)
        problems += [f"{named}: {line}" for line in lines]
    if problems:
        raise InvalidComponents("\n".join(problems))
    return found


def shape_problems(kind: object, body: object) -> list[str]:
    """What is wrong before the keys are looked at."""
    if not isinstance(kind, str) or not LEGAL_TYPE.fullmatch(kind):
        return [f"illegal type name: expected {TYPE_RULE}"]
    if not isinstance(body, dict):
        return [f"expected keys below it ({KNOWN_KEYS}), found {body!r}"]
    return [f"key 'type': unknown key: expected one of {KNOWN_KEYS}"] if "type" in body else []


def yaml_problem(error: Exception) -> str:
    """One line of where and what."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join((getattr(error, "problem", None) or str(error)).split())
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def findings(error: ValidationError) -> list[str]:
    """`key 'limit': ...` for each thing that pydantic found."""
    lines = []
    for finding in error.errors():
        key = ".".join(map(str, finding["loc"]))
        match finding["type"]:
            case "extra_forbidden":
                lines.append(f"key {key!r}: unknown key: expected one of {KNOWN_KEYS}")
            case "missing":
                lines.append(f"key {key!r}: missing")
            case _:
                lines.append(f"key {key!r}: {finding['msg']}, found {finding['input']!r}")
    return lines
