"""worker: the processes of the scaled engine."""

from __future__ import annotations

import sys

import click

from woonketen.orchestration.cli.base import Context, Group, pass_shared


@click.group(cls=Group)
def worker() -> None:
    """The processes of the scaled engine; start as many as there is work for."""


@worker.command()
@pass_shared
def step(shared: Context) -> None:
    """Apply records as Kafka brings them: views, warnings, positions. Several share the partitions.

    Lives under a supervisor of its own: whatever it does not understand ends it, and it begins again, later each time.
    """
    from woonketen.orchestration.supervise import is_supervised, supervise

    if not is_supervised():
        sys.exit(supervise(sys.argv[1:], shared.say))
    from woonketen.orchestration.stepping import step_worker

    step_worker(shared.settings(), shared.say)
