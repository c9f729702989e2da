"""What a Docker engine sends of a command's two outputs: frames, one after the other on one connection.

A frame is a byte that tells which output it is of, three zeroes, the length of what follows in four bytes
(big-endian), and that many bytes: https://docs.docker.com/engine/api, "Attach to a container".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

HEADER = struct.Struct(">BxxxL")
STDERR = 2


@dataclass(slots=True)
class Printed:
    """What a command has printed so far, each output kept up to a number of bytes; the rest is dropped."""

    largest_output: int
    largest_words: int
    output: bytearray = field(default_factory=bytearray)
    words: bytearray = field(default_factory=bytearray)
    rest: bytearray = field(default_factory=bytearray)
    """The beginning of a frame whose end has not come yet: when it never does, the connection broke off."""

    def take(self, chunk: bytes) -> None:
        """Take the next piece of the connection, wherever it is cut."""
        self.rest += chunk
        at = 0
        while at + HEADER.size <= len(self.rest):
            kind, length = HEADER.unpack_from(self.rest, at)
            start, end = at + HEADER.size, at + HEADER.size + length
            if end > len(self.rest):
                break
            if kind == STDERR:
                self.words += self.rest[start : min(end, start + self.largest_words - len(self.words))]
            else:
                self.output += self.rest[start : min(end, start + self.largest_output - len(self.output))]
            at = end
        del self.rest[:at]
