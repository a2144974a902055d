"""Evidence readers that misbehave, for the decoding process to survive."""

from __future__ import annotations

import os
import sys
import threading
import time

from fakescan.core.records import Evidence, SourceFile

HERE = "tests.unit.intake.bad_readers"


class Reader:
    name = "bad"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        return [Evidence(self.name, "size", str(len(data)))]


class Torch(Reader):
    """Tells what the process has loaded."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        heavy = sorted({"torch", "transformers", "numpy"} & set(sys.modules))
        return [Evidence(self.name, "loaded", ",".join(heavy))]


class Hanging(Reader):
    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        time.sleep(60)
        return []


class Slow(Reader):
    """Takes longer than a process may that tells nothing, and less than a reader may."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        time.sleep(1.4)
        return super().read(file, data)


class Looping(Reader):
    """Uses a processor for as long as it is let."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        while True:
            pass


class HangingAndTelling(Reader):
    """Writes the process's number where the parent looks for it, then never comes back."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        with open(os.environ["BAD_READER_TELLS"], "w", encoding="ascii") as told:  # noqa: PTH123
            told.write(str(os.getpid()))
        if os.environ.get("BAD_READER_HANGS"):
            time.sleep(60)
        return []


class Dying(Reader):
    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        os._exit(3)


class Raising(Reader):
    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        raise RecursionError


class Greedy(Reader):
    """Fills memory bit by bit, as a decoder does; no more than a machine for tests has."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        held = [b"x" * 2**24 for _ in range(96)]
        return [Evidence(self.name, "much", str(len(held)))]


class TimeBomb(Reader):
    """Fine, but leaves behind what kills the process a little later."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        bomb = threading.Timer(0.2, os._exit, (3,))
        bomb.daemon = True
        bomb.start()
        return []


class DyingSecond(Reader):
    """Spoils the process for the next file."""

    served = 0

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        if DyingSecond.served:
            os._exit(3)
        DyingSecond.served += 1
        return []


class Noisy(Reader):
    """Writes to the standard streams, as C libraries do."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        for stream in (1, 2):
            os.write(stream, b"\x1b[31mnoise from a decoder\n" * 100)
        return []
