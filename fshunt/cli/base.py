"""The shape of all commands: options that go with each of them, an example in each help, errors in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from fshunt.cli import output
from fshunt.cli.app import App
from fshunt.cli.outcome import failing, outcome_of, own_broken_pipe
from fshunt.cli.params import DOMAIN, OneOf
from fshunt.hunting.suggestions import did_you_mean

FORMATS = ("table", *output.SEPARATORS, "json")
"""Forms of a list."""

pass_app = click.make_pass_decorator(App, ensure=True)


def _keep_config(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    app = ctx.ensure_object(App)
    app.config = value or app.config


def _keep_domain(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    app = ctx.ensure_object(App)
    app.given_domain = value or app.given_domain


def _keep_user(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    app = ctx.ensure_object(App)
    app.as_user = value or app.as_user


def _keep_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    app = ctx.ensure_object(App)
    app.as_json = value or app.as_json


def _json_option() -> click.Option:
    return click.Option(
        ["--json"], is_flag=True, expose_value=False, callback=_keep_json, help="Print JSON (docs/json.md)."
    )


def _common() -> list[click.Parameter]:
    return [
        click.Option(
            ["--domain"],
            type=DOMAIN,
            metavar="D",
            expose_value=False,
            callback=_keep_domain,
            help="Domain to work on. Without it: the setting `default_domain`, or the only domain of the database.",
        ),
        click.Option(
            ["--config"],
            type=click.Path(dir_okay=False),
            metavar="FILE",
            expose_value=False,
            callback=_keep_config,
            help="Settings file. Without it: $FSHUNT_CONFIG, or /etc/fshunt/fshunt.toml.",
        ),
        click.Option(
            ["--as"],
            metavar="USER",
            expose_value=False,
            callback=_keep_user,
            help="User to become before the database is opened, if root runs the command. Without it: its owner.",
        ),
    ]


class NounCommand(click.Command):
    """A command with `--json`, `--domain`, `--config` and an example at the end of its help.

    ``json`` False: the command prints nothing that a program would read.
    """

    def __init__(self, *args: Any, example: str = "", json: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += [_json_option(), *_common()] if json else _common()
        self.example = example
        self.epilog = f"\b\nExample:\n  {example}" if example else None


def _keep_format(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    app = ctx.ensure_object(App)
    app.format = value or app.format


class ListCommand(NounCommand):
    """A command that prints a list, with `--format` besides."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        form = click.Option(
            ["--format"],
            type=OneOf("format", FORMATS),
            metavar="|".join(FORMATS),
            expose_value=False,
            callback=_keep_format,
            help="Form of the list: table (to read), csv or tsv (lines of values), json (as --json).",
        )
        self.params.insert(len(self.params) - len(_common()), form)


class NounGroup(click.Group):
    """A noun and its commands; alone it prints its help. It takes the options of its commands, too."""

    command_class = NounCommand

    def __init__(self, *args: Any, example: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += _common()
        self.example = example
        self.epilog = f"\b\nExample:\n  {example}" if example else None

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The commands in the order of their file, which is that of use."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; without any, print the help (click would call that an error)."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the error for a wrong word names the nearest right one."""
        word = args[0]
        if not ctx.resilient_parsing and not word.startswith("-") and word not in self.list_commands(ctx):
            path = ctx.command_path
            raise click.UsageError(
                f"`{path}` has no command `{word}`{did_you_mean(word, self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)


class Noun(NamedTuple):
    """Where a noun's commands are, and what they are about."""

    module: str
    about: str


class Root(NounGroup):
    """The program. Its nouns are imported when they are used, so that help is quick."""

    def __init__(self, *args: Any, nouns: dict[str, Noun], **options: Any) -> None:
        super().__init__(*args, **options)
        self.nouns = nouns

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The nouns in the order of their table."""
        return list(self.nouns)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the noun's module, and give the command that has the noun's name there."""
        noun = self.nouns.get(cmd_name)
        if noun is None:
            return None
        found = getattr(import_module(noun.module), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the nouns without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, noun.about) for name, noun in self.nouns.items()])

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click does, whose own end for a reader that has gone would have the wrong exit code."""
        with own_broken_pipe():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but for a reader that has gone."""
        with own_broken_pipe():
            return super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program and leave with its exit code; see `outcome_of` for the errors."""

        def run() -> Any:
            return click.Group.main(self, args, prog_name, complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        sys.exit(outcome_of(run, failing(sys.argv[1:] if args is None else args)))
