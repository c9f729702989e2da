"""The server's words out of the four shapes in which it refuses: flat, readable lines. Pure."""

from __future__ import annotations

MOST_REASONS = 20
LONGEST_REASON = 300
DEEPEST = 6
UNNAMED = ("detail", "non_field_errors")
HIDDEN = "(token)"


def one_line(text: str, longest: int = LONGEST_REASON) -> str:
    """The text on one line, printable, at most `longest` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def flatten_reasons(body: object, secret: str = "") -> tuple[str, ...]:
    """The reasons in an error body, each as `field: text`, or `text` alone where no field is named.

    Should the server repeat the secret, it is left out.
    """
    reasons = _flatten(body, "", 0)[:MOST_REASONS]
    return tuple(one_line(reason.replace(secret, HIDDEN) if secret else reason) for reason in reasons)


def _flatten(body: object, field: str, depth: int) -> list[str]:
    if depth > DEEPEST:
        return [f"{field}: ..."]
    if isinstance(body, dict):
        return [
            reason
            for key, value in body.items()
            for reason in _flatten(
                value, field if key in UNNAMED else f"{field}.{key}".lstrip("."), depth + 1
            )
        ]
    if isinstance(body, list):
        return [
            reason
            for position, value in enumerate(body)
            for reason in _flatten(
                value, f"{field}[{position}]" if isinstance(value, dict) else field, depth + 1
            )
        ]
    return [f"{field}: {body}" if field else f"{body}"] if body not in ("", None) else []
