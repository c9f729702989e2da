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
    limit: Annotated[StrictInt, Field(ge=0)]
    measured_unit: Text
    accounting_type: AccountingType
    label: Text
    unit_factor: Annotated[StrictInt, Field(ge=1)] = 1


KNOWN_KEYS = ", ".join(name for name in Component.model_fields if name != "type")

Components: TypeAlias = "Mapping[str, Component]"
"""The components by type, in the file's order."""


class StrictLoader(yaml.SafeLoader):
    """A loader for which a key written twice is an error; YAML's own keeps the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base class's signature
        """The mapping, or a ConstructorError at the second of two equal keys."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} stands here a second time", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


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
    except yaml.YAMLError as error:
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


def yaml_problem(error: yaml.YAMLError) -> str:
    """One line of where and what."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
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
