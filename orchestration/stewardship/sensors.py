"""What wakes a steward. A sensor looks at numbers, opens and closes alerts, and starts a run that shows each new one
with its page of the runbook; acknowledging is `woonketen alerts acknowledge`."""

import dagster as dg

from woonketen.contracts.errors import WoonketenError
from woonketen.orchestration.stewardship import alerts, numbers
from woonketen.orchestration.stewardship.watching import RUNBOOK

SECONDS = 300


class Concern(dg.Config):
    """What an alert is about; counts and names of organisations only."""

    alert: int
    kind: str
    number: int
    runbook: str
    org: str = ""


@dg.op
def show_concern(context: dg.OpExecutionContext, config: Concern) -> None:
    context.add_output_metadata(
        {
            "kind": config.kind,
            "organisation": config.org or "all",
            "number": config.number,
            "runbook": dg.MetadataValue.path(config.runbook),
            "acknowledge": f"woonketen alerts acknowledge {config.alert} --as STEWARD --reason acting",
        }
    )
    context.log.warning("%s: %s", config.kind, config.runbook)


@dg.job(description="Shows one concern with its page of the runbook.")
def alert() -> None:
    show_concern()


def _sensor(kind: str) -> dg.SensorDefinition:
    @dg.sensor(name=f"watch_{kind}", job=alert, minimum_interval_seconds=SECONDS, description=f"Watches for {kind}.")
    def watching(context: dg.SensorEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        try:
            with numbers.database() as dsn:
                opened = alerts.look(dsn, [kind])
        except WoonketenError as error:
            return dg.SkipReason(str(error))
        if not opened:
            return dg.SkipReason("Nothing new.")
        return [
            dg.RunRequest(
                run_key=f"{kind}:{each['alert']}",
                run_config=dg.RunConfig(
                    ops={
                        "show_concern": Concern(
                            alert=each["alert"],
                            kind=kind,
                            number=each["number"],
                            runbook=each["runbook"],
                            org=each["org"] or "",
                        )
                    }
                ),
                tags={"woonketen/kind": kind},
            )
            for each in opened
        ]

    return watching


SENSORS = [_sensor(kind) for kind in RUNBOOK]
