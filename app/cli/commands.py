"""The commands and their options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import __version__
from app.cli.run import COMPLETE, USAGE, Failure, deck, go_on

if TYPE_CHECKING:
    from app.settings import Settings


def program() -> typer.Typer:
    """All commands."""
    watchdeck = typer.Typer(
        name="watchdeck",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="A terminal deck for the engineer on call for a fleet of agents on NATS JetStream. "
        "Without a command the deck opens. Options may stand before or after the command; "
        "each is also read from WATCHDECK_<OPTION>.",
    )
    watchdeck.callback(invoke_without_command=True)(_deck)
    watchdeck.command("demo")(_demo)
    watchdeck.command("worker")(_worker)
    watchdeck.command("simulate")(_simulate)
    watchdeck.command("agent")(_agent)
    watchdeck.command("status")(_status)
    watchdeck.command("findings")(_findings)
    watchdeck.command("explain")(_explain)
    watchdeck.command("doctor")(_doctor)
    watchdeck.command("backup")(_backup)
    watchdeck.command("restore")(_restore)
    watchdeck.command("keys")(_keys)
    watchdeck.command("completion")(_completion)
    config = typer.Typer(rich_markup_mode=None, help="Show the settings in force, and where each comes from.")
    config.command("show")(_config_show)
    config.command("path")(_config_path)
    watchdeck.add_typer(config, name="config")
    init = typer.Typer(rich_markup_mode=None, help="Create on your NATS what watchdeck never creates by itself.")
    init.callback()(_init)
    init.command("sessions")(_init_sessions)
    watchdeck.add_typer(init, name="init")
    token = typer.Typer(rich_markup_mode=None, help="Tokens for those who ask the worker over the network.")
    token.command("create")(_token_create)
    token.command("list")(_token_list)
    token.command("revoke")(_token_revoke)
    watchdeck.add_typer(token, name="token")
    return watchdeck


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"watchdeck {__version__}")
        raise typer.Exit


Text = str | None


def _deck(
    context: typer.Context,
    config: Annotated[Text, typer.Option(metavar="FILE", help="Read this configuration file.")] = None,
    profile: Annotated[Text, typer.Option(metavar="NAME", help="Keep state under this name.")] = None,
    nats_url: Annotated[Text, typer.Option(metavar="URL", help="Servers, separated by commas.")] = None,
    nats_context: Annotated[Text, typer.Option("--context", metavar="NAME", help="Context of the nats CLI.")] = None,
    domain: Annotated[Text, typer.Option(metavar="NAME", help="JetStream domain.")] = None,
    namespace: Annotated[Text, typer.Option(metavar="NS", help='Prefix of the fleet\'s names; "" for none.')] = None,
    listen: Annotated[Text, typer.Option(metavar="HOST:PORT", help="Where the worker answers health checks.")] = None,
    state_dir: Annotated[Text, typer.Option(metavar="DIR", help="Keep state in this folder.")] = None,
    database: Annotated[Text, typer.Option(metavar="URL", help="Where the worker keeps what must last.")] = None,
    attach: Annotated[Text, typer.Option(metavar="URL|SOCKET", help="Use this worker.")] = None,
    token_file: Annotated[Text, typer.Option(metavar="FILE", help="Token for a worker at a URL.")] = None,
    ca_file: Annotated[Text, typer.Option(metavar="FILE", help="Certificates to trust for it.")] = None,
    create_stream: Annotated[
        bool, typer.Option("--create-stream", help="The worker may create the stream of session events.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show no way to change anything.")] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw with ASCII characters only.")] = False,
    theme: Annotated[Text, typer.Option(metavar="NAME", help="Colours of the deck.")] = None,
    log_level: Annotated[Text, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> int:
    context.obj = {
        "config": config,
        "profile": profile,
        "nats_url": nats_url,
        "context": nats_context,
        "domain": domain,
        "namespace": namespace,
        "listen": listen,
        "state_dir": state_dir,
        "database": database,
        "attach": attach,
        "token_file": token_file,
        "ca_file": ca_file,
        "create_stream": create_stream or None,
        "read_only": read_only or None,
        "ascii": ascii_only or None,
        "theme": theme,
        "log_level": log_level,
    }
    if context.invoked_subcommand is not None:
        return 0
    return deck(context.obj)


def _settings(context: typer.Context) -> Settings:
    from app.settings import load

    return load(context.find_root().obj, os.environ)


def _worker(context: typer.Context, parent_fd: Annotated[int | None, typer.Option(hidden=True, min=3)] = None) -> int:
    """Run the background worker: collects, serves decks and health checks, logs to stderr; SIGTERM ends it."""
    from app.cli.worker import run_in_foreground

    return run_in_foreground(None if parent_fd is not None else _settings(context), parent_fd=parent_fd)


def _demo(
    context: typer.Context,
    agents: Annotated[int, typer.Option(min=1, help="How many agents to simulate.")] = 10,
    rate: Annotated[float, typer.Option(min=0.0, help="Jobs a second.")] = 2.0,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="calm, incident or storm.")] = "calm",
    seed: Annotated[int, typer.Option(help="The same seed, the same demo.")] = 7,
    no_deck: Annotated[
        bool, typer.Option("--no-deck", help="Print one line of JSON when ready; run until SIGTERM or SIGINT.")
    ] = False,
) -> int:
    """An embedded NATS, a simulated fleet, a worker and the deck, in a temporary folder; leaves nothing behind."""
    from app.cli.demo import run_demo

    outcome = run_demo(
        _settings(context), agents=agents, rate=rate, scenario=scenario, seed=seed, with_deck=not no_deck
    )
    return go_on(outcome, context.obj)


def _simulate(
    context: typer.Context,
    agents: Annotated[int, typer.Option(min=1, help="How many agents to simulate.")] = 10,
    rate: Annotated[float, typer.Option(min=0.0, help="Jobs a second.")] = 2.0,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="calm, incident or storm.")] = "calm",
    seed: Annotated[int, typer.Option(help="The same seed, the same fleet.")] = 7,
    yes: Annotated[bool, typer.Option("--yes", help="Also into a registry that a real controller uses.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="At the end remove all that it made.")] = False,
) -> int:
    """The demo's fleet on the NATS of your settings, until ctrl+c; refuses a registry that is really used.

    At its end the simulated agents say goodbye. Streams and buckets stay, for another run, unless --clean is given.
    AI agents publish session events where there is a stream for them, or with --create-stream.
    """
    from app.cli.demo import run_simulation

    settings = _settings(context)
    return run_simulation(settings, agents=agents, rate=rate, scenario=scenario, seed=seed, yes=yes, clean=clean)


def _agent(
    context: typer.Context,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label, up to 5: group=web.eu.")
    ] = None,
    process_memory: Annotated[
        int, typer.Option(min=0, metavar="BYTES", help="Report ProcessMemoryPressure above this; 0: never.")
    ] = 0,
    process_cpu: Annotated[
        float, typer.Option(min=0.0, metavar="PERCENT", help="Report ProcessHighCPU above this; 0: never.")
    ] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", help="Also into a registry that a real controller uses.")] = False,
) -> int:
    """Report this host as an agent of the fleet, every 10 s, until ctrl+c; it does no jobs.

    Refuses a registry that a real controller uses. Makes the buckets of a fleet where there are none.
    """
    from app.cli.agent import run_agent

    return run_agent(_settings(context), label or (), process_memory=process_memory, process_cpu=process_cpu, yes=yes)


def _init() -> None:
    """Create on your NATS what watchdeck never creates by itself."""


def _init_sessions(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Create the stream of session events: prints its configuration, and asks."""
    from app.cli.init import init_sessions

    return init_sessions(_settings(context), yes=yes)


def _status(
    context: typer.Context,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text, json or nagios.")] = "text",
    watch: Annotated[bool, typer.Option("--watch", help="A line for every change, until ctrl+c.")] = False,
    ignore_acked: Annotated[bool, typer.Option("--ignore-acked", help="Leave out what is acknowledged.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code says it.")] = False,
) -> int:
    """How bad it is. Exit 0: well, 1: WARN, 2: CRIT or nothing can be known, 3: a fault of watchdeck or its use."""
    from app.cli.status import WRITERS, run_status

    if format_ not in WRITERS:
        raise Failure(f"no format {format_}: there are {', '.join(WRITERS)}", USAGE)
    return run_status(_settings(context), format_=format_, watch=watch, ignore_acked=ignore_acked, quiet=quiet)


def _findings(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object, with evidence and steps.")] = False,
) -> int:
    """What is wrong, worst first, and what follows from it below it."""
    from app.cli.status import run_findings

    return run_findings(_settings(context), as_lines=not as_json)


def _explain(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id, such as consumer.behind.")],
    stream: Annotated[str, typer.Option(metavar="STREAM", help="With the thresholds of this stream.")] = "",
) -> int:
    """What a rule means, when it stays silent, and the thresholds in force with where each comes from."""
    from app.model.triage.judging import Triage
    from app.model.triage.rules import RULES
    from app.model.triage.thresholds import ThresholdError
    from app.tui.commands import nearest

    settings = _settings(context)
    try:
        typer.echo(Triage(settings.thresholds, settings.runbooks).explain(rule, stream))
    except KeyError:
        close = ", ".join(nearest(rule, [known.id for known in RULES]))
        raise Failure(f"no rule {rule}; nearest: {close}", USAGE) from None
    except ThresholdError as error:
        raise Failure(f"{settings.config_file}: {error}", USAGE) from None
    return 0


def _doctor(
    context: typer.Context,
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Of a page that should be let in, besides the configured ones."),
    ] = None,
) -> int:
    """Look at everything that watchdeck needs, and say what is wrong. Exit 0: well, 1: warnings, 2: does not work."""
    from app.cli.doctor import run_doctor

    return run_doctor(_settings(context), os.environ, origin or ())


def _token_create(
    context: typer.Context,
    role: Annotated[str, typer.Option(metavar="ROLE", help="member, operator, admin or owner.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Whose it is; you on this host if not given.")] = "",
    expires: Annotated[str, typer.Option(metavar="TIME", help="Ends by itself after so long, such as 30d.")] = "",
) -> int:
    """Print a new token, alone on stdout. It cannot be shown again: only a hash of it is kept."""
    from app.cli.tokens import create_token

    return create_token(_settings(context), role=role, name=name, expires=expires)


def _token_list(context: typer.Context) -> int:
    """All tokens, without their secrets."""
    from app.cli.tokens import list_tokens

    return list_tokens(_settings(context))


def _token_revoke(context: typer.Context, id: Annotated[str, typer.Argument(metavar="ID")]) -> int:
    """End a token at once and for good."""
    from app.cli.tokens import revoke_token

    return revoke_token(_settings(context), id)


def _backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; on any disk.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> int:
    """Copy what the worker keeps to a file, also while it runs."""
    from app.cli.backup import run_backup

    return run_backup(_settings(context), file, force=force)


def _restore(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE")]) -> int:
    """Put a backup in the place of what the worker keeps; the worker must not run. The old one is kept."""
    from app.cli.backup import run_restore

    return run_restore(_settings(context), file)


def _keys(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only check [keys]; exit 1 if anything is wrong.")] = False,
) -> int:
    """The keys of the deck as your configuration has them."""
    from app.model.text import clean
    from app.tui import keys

    overrides = _settings(context).keys
    problems = keys.check(overrides)
    for problem in problems:
        typer.echo(f"watchdeck: [keys] {clean(problem)}", err=True)
    if check or problems:
        if not problems:
            typer.echo("keys are fine")
        return 1 if problems else 0
    for key in keys.table(overrides):
        typer.echo(f"{key.id:<18} {' '.join(map(keys.shown, key.keys)):<16} {key.words}")
    return 0


def _config_show(context: typer.Context) -> int:
    """Every setting, its value and where that comes from. Secrets are not shown."""
    from app.model.text import clean
    from app.settings.loading import shown
    from app.settings.scrub import scrub

    settings = _settings(context)
    for key, value, origin in shown(settings):
        typer.echo(f"{clean(key):<24} {clean(scrub(value)):<40} {clean(origin)}")
    for warning in settings.warnings:
        typer.echo(f"watchdeck: {clean(warning)}", err=True)
    return 0


def _config_path(context: typer.Context) -> int:
    """The configuration file that is read."""
    from app.model.text import clean
    from app.settings.places import config_file

    typer.echo(clean(_settings(context).config_file or str(config_file(os.environ))))
    return 0


def _completion(shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> int:
    """Print the completion script of a shell, to be sourced or saved."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    if shell not in ("bash", "zsh", "fish"):
        raise Failure(f"no completion for {shell}: there are bash, zsh and fish", USAGE)
    typer.echo(get_completion_script(prog_name="watchdeck", complete_var=COMPLETE, shell=shell))
    return 0
