"""What has to be done just before an exchange of the recording, noted by the exchange's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tests.sandbox.cloudrock.replay import Replay

Step: TypeAlias = Callable[[Replay], object]


class Steps(dict[str, Step]):
    """Step by exchange; called as a decorator, it notes one."""

    def __call__(self, *names: str) -> Callable[[Step], Step]:
        """Do this just before the exchanges of these names."""

        def note(step: Step) -> Step:
            self.update(dict.fromkeys(names, step))
            return step

        return note
