"""The entry point. Commands are imported when they are used, so that `fogbank --help` answers at once."""

from __future__ import annotations

import importlib

import click

from fogbank.region.errors import RegionError

# Name: (function, the line that --help shows). The line is here so that help imports nothing; a test holds it to the docstring.
COMMANDS = {
    "up": ("fogbank.cli.up:up", "Start the region."),
    "down": ("fogbank.cli.down:down", "Stop the region."),
    "status": ("fogbank.cli.status:status", "Show the region's processes and whether it answers."),
    "tour": ("fogbank.cli.tour:tour", "Show a running region at work, and check every answer."),
    "events": ("fogbank.cli.events:events", "Show what was asked of the region, the oldest first."),
    "s3": ("fogbank.cli.s3:s3", "Show what S3 holds, and replicate it elsewhere."),
    "usage": (
        "fogbank.cli.usage:usage",
        "Show what was used in a month, by account and resource, and what it costs by a price file that you can edit.",
    ),
    "scrub": (
        "fogbank.cli.scrub:scrub",
        "Read every byte again, and name the objects whose bytes are not as they were written.",
    ),
    "fsck": (
        "fogbank.cli.fsck:fsck",
        "Check what must always be true of the region's state: its records, what they refer to, and its files.",
    ),
    "iam": ("fogbank.cli.iam:iam", "Explain who may do what."),
    "configure": ("fogbank.cli.configure:configure", "Write a profile for the region into the AWS files."),
    "account": ("fogbank.cli.account:account", "Make and close accounts, and list them."),
    "config": ("fogbank.cli.config:config", "Show the settings in force, or write a settings file."),
    "keys": ("fogbank.cli.keys:keys", "List and rotate the region's master keys."),
    "tls": ("fogbank.cli.tls:tls", "Show the region's certificates."),
    "doctor": ("fogbank.cli.doctor:doctor", "Check what this machine has, and what to install."),
    "version": ("fogbank.cli.version:version", "Show the version."),
}


class _Failure(click.ClickException):
    """An expected failure: its message alone, without a traceback."""

    def show(self, file: object = None) -> None:
        click.secho(f"fogbank: {self.message}", err=True, fg="red")


class LazyGroup(click.Group):
    """A group that knows its commands' names, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except RegionError as error:
            raise _Failure(str(error)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Fogbank: an AWS-compatible region that runs on your own machine."""
