"""What several commands share: which region is meant, and how results are printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.region.settings import Settings

_PATH = click.Path(path_type=Path)


def which_region(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--data` and `--config`, which say where a region is kept."""
    command = click.option(
        "--config", type=_PATH, help="The settings file (default: fogbank.toml in the data directory)."
    )(command)
    return click.option(
        "--data", type=_PATH, help="The data directory (default: ~/.local/share/fogbank)."
    )(command)  # fmt: skip


def settings_of(data: Path | None, config: Path | None, **flags: Any) -> Settings:
    """The settings in force for a command's options."""
    from fogbank.region.settings import load

    return load({"data": data, **flags}, config=config)


def print_json(value: Any) -> None:
    """`value` as indented JSON on stdout."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def home_relative(path: Path | str) -> str:
    """A path as people write it, with `~`."""
    home, text = str(Path.home()), str(path)
    return f"~{text[len(home) :]}" if home != "/" and text.startswith(home + "/") else text
