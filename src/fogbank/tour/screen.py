"""What the tour shows while it goes on. Coloured in a terminal, plain text elsewhere."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH = 100  # where times are aligned to
_LONGEST = 130  # of a command that is shown


class Screen:
    """Prints steps, the commands that they run, and what came of it. `directory` is left out of paths in commands."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self.directory = ""
        self._steps = 0

    def title(self, text: str) -> None:
        """The tour's first line, or its last."""
        self._console.print(Text(text, "bold"))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A numbered step, and how long it took."""
        self._steps += 1
        self._console.print(Text(f"\n{self._steps}  {title}", "bold cyan"))
        begun = time.perf_counter()
        with self._console.status("working"):
            yield
        self._line("ok", "green", time.perf_counter() - begun)

    def say(self, text: str, seconds: float | None = None) -> None:
        """One result."""
        self._line(text, "", seconds)

    def command(self, words: Sequence[str], seconds: float) -> None:
        """A command as it was run, its paths shortened."""
        text = shlex.join(words)
        if self.directory:
            text = text.replace(f"{self.directory}/", "")
        self._line(f"$ {text if len(text) < _LONGEST else text[:_LONGEST] + '…'}", "dim", seconds)

    def skipped(self, why: str) -> None:
        """A part that is left out, and why."""
        self._line(f"skipped: {why}", "yellow", None)

    def _line(self, text: str, style: str, seconds: float | None) -> None:
        line = Text("   ").append(text, style)
        if seconds is not None:
            line.append(" " * max(2, _WIDTH - len(line)) + f"{seconds:6.2f} s", "dim")
        self._console.print(line)
