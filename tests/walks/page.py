"""The commands of docs/install.md as a script, with the places of a test in the place of the page's."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.own_folder import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = ROOT / "docs" / "install.md"
FENCE = re.compile(r"^```(sh|ini)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_HERE = "With systemd"
AFTERWARDS = "Without a worker"
USER = re.compile(r"(?<![\w/.-])(?<!name=)cloudrock(?![\w./-])")
"""The user's name, wherever a command has it as a word; `name=cloudrock` is an account."""


APT = """\
apt-get() { # other tests install through apt at the same time, and its lists have one lock
    for _ in 1 2 3 4 5 6 7 8; do command apt-get -qq -o DPkg::Lock::Timeout=120 "$@" && return; sleep 5; done
    return 1
}"""


@dataclass(frozen=True)
class Block:
    """One block of the page: commands, or lines for the settings' file."""

    heading: str
    kind: str
    text: str


def blocks() -> list[Block]:
    """All that the tests carry out, in the page's order."""
    found = []
    for part in re.split(r"^(?=##+ )", PAGE.read_text(), flags=re.MULTILINE):
        heading = part.partition("\n")[0].strip("# ")
        found += [Block(heading, kind, text) for kind, text in FENCE.findall(part)]
    return [block for block in found if block.heading != NOT_HERE]


@dataclass(frozen=True)
class Places:
    """Where the test's site is; the page's own places are an administrator's."""

    folder: Path
    user: str
    port: int
    filled_in: dict[str, str]
    """The lines that a person writes into .env with an editor."""

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    @property
    def shared(self) -> Path:
        """All users' folder for temporary files, in the place of /tmp."""
        return self.folder / "shared"

    @property
    def answers(self) -> Path:
        """The filled-in lines, for their owner only: the token is among them."""
        return self.folder / "answers"

    def script(self, found: list[Block]) -> str:
        """The blocks as one session of a shell."""
        return "\n".join(["set -euo pipefail", APT, *self.commands(found)])

    def commands(self, found: list[Block]) -> Iterator[str]:
        for block in found:
            yield f'echo "-- after $SECONDS s: "{shlex.quote(block.heading)}'
            if block.kind == "ini":
                yield f"cat {self.answers} >>{self.site}/.env"
            else:
                yield self.here(block.text)

    def here(self, text: str) -> str:
        """The page's text with the test's places."""
        text = text.replace("/var/lib/cloudrock-slurm", str(self.site))
        text = text.replace("/opt/cloudrock-slurm", str(self.programs))
        text = text.replace("sacctmgr -i add user name=cloudrock", f"sacctmgr -i add user name={self.user}")
        return USER.sub(self.user, text)
