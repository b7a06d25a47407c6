"""The HTTP door: `POST /events` in the three modes of the CloudEvents HTTP binding, receipts, link codes.

It is the file door with another way in: the same admission, the same receipts, and 202 only when all is durable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from woonketen.contracts.envelope import Sources
from woonketen.contracts.errors import ConfigurationError
from woonketen.contracts.facts import event_key
from woonketen.orchestration.platform import Platform
from woonketen.orchestration.web import examples, tokens
from woonketen.orchestration.web.pool import as_processor
from woonketen.orchestration.web.problems import Problem
from woonketen.projections.database import told
from woonketen.streams.door.admission import Receipt

router = APIRouter(tags=["partners"])

DESCRIPTION = """Deliver events, ask for receipts, read what you may see. Partners ask `/token` for a token with their
own key; people read with their session. Every error is `application/problem+json` and says how to mend it."""
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
REFUSED_WITH: Mapping[str, int] = {"malformed": 400, "not_your_source": 403, "too_large": 413}
"""Reasons for which a request with one event is itself refused; its receipt stands in the problem."""
_ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "dataschema")
_PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    from woonketen.orchestration.web.problems import TITLES

    return {status: {"description": TITLES[status], **_PROBLEM} for status in statuses}


@router.post(
    "/events",
    status_code=202,
    summary="Deliver one event or a batch",
    description="Receipts in the order of the events. The same event again is a `duplicate`, whatever the mode.",
    openapi_extra={"requestBody": examples.EVENTS, "security": [{"partner": []}]},
    responses={
        202: {
            "description": "Durable; one receipt an event",
            "content": {"application/json": {"schema": examples.RECEIPTS}},
        },
        **problems(400, 401, 403, 413, 415, 429, 503),
    },
)
async def events(request: Request) -> Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    org = await run_in_threadpool(_publisher, request)  # before the body is read: strangers cost little
    body = await request.body()
    return await run_in_threadpool(_take, request, org, _lines(request, kind, body), kind == BATCH)


@router.get(
    "/events/{source}/{event_id:path}/receipt",
    summary="What became of an event of yours",
    openapi_extra={"security": [{"partner": []}]},
    responses={
        200: {"description": "The receipt", "content": {"application/json": {"schema": examples.RECEIPT}}},
        **problems(400, 401, 404, 429, 503),
    },
)
def receipt(request: Request, source: str, event_id: str) -> Response:
    org = _publisher(request)
    with request.app.state.platforms.hold() as platform:
        found = _receipt_of(platform, org, source, event_id) if _owns(platform, org, source) else None
    if found is None:
        raise Problem(
            404, "There is no receipt of an event of yours with this id.", "A refused event leaves none: send it."
        )
    return JSONResponse(found)


class Link(msgspec.Struct, forbid_unknown_fields=True, rename={"for_org": "for"}):
    subject: str
    for_org: str


@router.post(
    "/links",
    status_code=201,
    summary="A one-time code with which another organisation can say `subject.linked`",
    openapi_extra={"requestBody": examples.LINK, "security": [{"partner": []}]},
    responses={
        201: {
            "description": "The code, and until when it holds",
            "content": {"application/json": {"schema": examples.CODE}},
        },
        **problems(400, 401, 404, 413, 415, 429, 503),
    },
)
async def links(request: Request) -> Response:
    org = await run_in_threadpool(_publisher, request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, mend="Send application/json.")
    try:
        wanted = msgspec.json.decode(await request.body(), type=Link)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Problem(400, "The body is not a link.", 'Send {"subject": "…", "for": "…"}.') from None
    return await run_in_threadpool(_issue, request, org, wanted)


def _issue(request: Request, org: str, wanted: Link) -> Response:
    with request.app.state.platforms.hold() as platform:
        try:
            return JSONResponse(platform.issue_link(org, wanted.subject, wanted.for_org), 201)
        except ConfigurationError as error:
            raise Problem(404, error.message, error.mend) from None


# --- steps ---


def _publisher(request: Request) -> str:
    """Who asks, within its rate. Raises `Problem` 401 or 429."""
    with request.app.state.platforms.hold() as platform:
        org = tokens.publisher(request, platform)
    wait = request.app.state.buckets.take(org)
    if wait > 0:
        raise Problem(429, headers={"Retry-After": str(max(1, round(wait + 0.5)))})
    return org


def _lines(request: Request, kind: str, body: bytes) -> list[bytes]:
    """One line of JSON an event, as the file door reads them."""
    if kind == STRUCTURED:
        return [body]
    if kind == BATCH:
        try:
            lines = [bytes(each) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Problem(400, "The body is not a JSON array.", "Send a JSON array of CloudEvents.") from None
        most = request.app.state.config.limits.events
        if len(lines) > most:
            raise Problem(413, f"A batch holds at most {most} events.", "Send them in parts.")
        return lines
    if "ce-specversion" in request.headers:
        if kind != "application/json" and not kind.endswith("+json"):
            raise Problem(415, "The data of an event are JSON.", "Send Content-Type: application/json.")
        return [binary(request.headers, body)]
    raise Problem(415, mend=f"Send {STRUCTURED}, {BATCH}, or ce- headers with application/json.")


def binary(headers: Headers, body: bytes) -> bytes:
    """The event in `ce-` headers and a body, as JSON. The body stands in it as it came, once it is known to be one JSON
    value: a piece of text could otherwise close `data` and bring attributes of its own."""
    told: dict[str, str] = {}
    for name, value in headers.items():
        if not name.startswith("ce-"):
            continue
        if name[3:] in told or name in ("ce-data", "ce-data_base64", "ce-datacontenttype"):
            raise Problem(400, "An attribute stands in the headers twice, or does not belong there.", "Send each once.")
        told[name[3:]] = _decoded(value)
    told["datacontenttype"] = headers.get("content-type", "")
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        body = b"null"  # admission tells its sender so
    return b"{" + msgspec.json.encode(told)[1:-1] + b',"data":' + body.strip() + b"}"


def _decoded(value: str) -> str:
    """As the binding has it: quotes around it fall away, %xx are bytes of UTF-8."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise Problem(400, "An attribute is not UTF-8.", "Percent-encode it.") from None


def _take(request: Request, org: str, lines: Sequence[bytes], batch: bool) -> Response:
    with request.app.state.platforms.hold() as platform:
        receipts = list(platform.admission.submit(org, lines))
    for each in receipts:
        request.app.state.metrics.receipt(each.status, each.reason)
    told = [plain(each) for each in receipts]
    if not batch:
        status = REFUSED_WITH.get(receipts[0].reason or "")
        if status is not None:
            raise Problem(
                status, f"{receipts[0].reason}: {receipts[0].detail}", receipts[0].mend, more={"receipt": told[0]}
            )
    return Response(msgspec.json.encode(told), 202, media_type="application/json")


def plain(receipt: Receipt) -> dict[str, Any]:
    """The fields of interfaces.md; a line number is a file's."""
    fields = msgspec.to_builtins(receipt)
    return {name: fields[name] for name in ("source", "id", "status", "reason", "detail", "mend", "at")}


def _owns(platform: Platform, org: str, source: str) -> bool:
    """A source that says less than the registered one may be that of several organisations: then it is nobody's."""
    organisations = platform.admission.organisations()
    if any(source in each.sources for each in organisations):
        return any(source in each.sources and each.org == org for each in organisations)
    return [each.org for each in organisations if Sources(each.sources).own(source)] == [org]


def _receipt_of(platform: Platform, org: str, source: str, event_id: str) -> dict[str, Any] | None:
    """From what admission keeps: that it was taken, on which day; and what became of it if it was parked. The answer to
    a delivery holds the moment too."""
    parked = next(
        (each for each in platform.receipts(org) if each["id"] == event_id and each["source"] == source), None
    )
    if parked is not None:
        return parked
    with told():
        row = (
            as_processor(platform)
            .execute("SELECT day FROM admission.seen WHERE key = %b AND status = 'a'", [event_key(source, event_id)])
            .fetchone()
        )
    if row is None:
        return None
    names = dict.fromkeys(("reason", "detail", "mend"))
    return {"source": source, "id": event_id, "status": "accepted", **names, "at": row[0].isoformat()}
