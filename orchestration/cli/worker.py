"""worker: the processes of the scaled engine."""

from __future__ import annotations

import signal
import sys
from threading import Event

import click

from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.settings import Settings
from woonketen.orchestration.cli.base import Context, Group, pass_shared


@click.group(cls=Group)
def worker() -> None:
    """The processes of the scaled engine; start as many as there is work for.

    `step` is a Faust worker. `admission` is a plain loop: so it takes in topics of new organisations without a restart.
    """


@worker.command()
@pass_shared
def admission(shared: Context) -> None:
    """Admit what partners write to Kafka, and bring the log there. A second one stands by.

    Lives under a supervisor of its own, as `step` does. What the file and HTTP doors admit waits for its relay, too.
    """
    from woonketen.orchestration.supervise import is_supervised, supervise

    chosen = _scaled(shared)
    if not is_supervised():
        sys.exit(supervise(sys.argv[1:], shared.say))
    from woonketen.orchestration.admitting import admission_worker

    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    admission_worker(chosen, stop, shared.say)


@worker.command()
@pass_shared
def clock(shared: Context) -> None:
    """Close each day a quarter after midnight. One is enough; a second does nothing more."""
    from woonketen.orchestration.web.processing import follow_clock

    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    follow_clock(shared.settings(), stop)


@worker.command()
@click.argument("what", type=click.Choice(["admission", "step", "clock"]))
@pass_shared
def health(shared: Context, what: str) -> None:
    """Whether that worker of this computer is at work; exit code 1 when not. For whoever begins services again."""
    from woonketen.orchestration.health import reason_to_worry

    with shared.platform() as platform:
        worry = reason_to_worry(platform.parts.processor, what, platform.open_day())
    shared.object({"worker": what, "healthy": worry is None, "why": worry})
    if worry is not None:
        sys.exit(1)


@worker.command()
@pass_shared
def step(shared: Context) -> None:
    """Apply records as Kafka brings them: views, warnings, positions. Several share the partitions.

    Lives under a supervisor of its own: whatever it does not understand ends it, and it begins again, later each time.
    """
    from woonketen.orchestration.supervise import is_supervised, supervise

    chosen = _scaled(shared)
    if not is_supervised():
        sys.exit(supervise(sys.argv[1:], shared.say))
    from woonketen.orchestration.stepping import step_worker

    step_worker(chosen, shared.say)


def _scaled(shared: Context) -> Settings:
    """Before anything is imported that needs a client of Kafka."""
    from woonketen.streams.kafka.link import need_clients

    chosen = shared.settings()
    if chosen.engine != "kafka":
        raise ConfigurationError("Workers are of the scaled engine.", 'Set `engine = "kafka"`, or use `woonketen run`.')
    need_clients()
    return chosen
