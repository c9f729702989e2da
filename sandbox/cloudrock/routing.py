"""Which path answers to which method: the handlers register themselves here."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.cloudrock.call import Reply

    Handler: TypeAlias = Callable[..., Reply]


class Routes:
    """The paths of one family, below /api/."""

    def __init__(self) -> None:
        self.paths: dict[str, dict[str, Handler]] = {}

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Answer GET (and HEAD) on this path."""
        return self._on("GET", path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        """Answer POST on this path."""
        return self._on("POST", path)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """Answer DELETE on this path."""
        return self._on("DELETE", path)

    def options(self, path: str) -> Callable[[Handler], Handler]:
        """Answer OPTIONS on this path otherwise than with the list of its methods."""
        return self._on("OPTIONS", path)

    def known(self, path: str) -> None:
        """A path that exists, and allows what nobody here asks for: 405 rather than 404."""
        self.paths.setdefault(path, {})

    def _on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.paths.setdefault(path, {})[method] = handler
            return handler

        return register
