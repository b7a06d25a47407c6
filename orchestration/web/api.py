"""The portal's data as JSON, for the person who is signed in: the same roles, and every look on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from woonketen.contracts import codes
from woonketen.orchestration.platform import Platform
from woonketen.orchestration.web.door import problems
from woonketen.orchestration.web.problems import Problem
from woonketen.projections.portal.session import Session, with_purpose

router = APIRouter(tags=["people"])

Signed = Annotated[Session, Depends(with_purpose)]
SECURITY: dict[str, Any] = {"security": [{"session": []}, {"person": []}]}
_ROWS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Rows",
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    }
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: {"description": "One object", "content": {"application/json": {"schema": {"type": "object"}}}}
}
_READING = problems(400, 401, 403, 404, 503)


def _platform(request: Request, session: Signed) -> Iterator[Platform]:
    with request.app.state.platforms.hold() as platform:
        yield platform


Held = Annotated[Platform, Depends(_platform, scope="function")]
WarningId = Annotated[str, Path(max_length=100)]


@router.get("/views/{name}", summary="A view of your role", openapi_extra=SECURITY, responses={**_ROWS, **_READING})
def view(
    name: Annotated[str, Path(max_length=40)],
    session: Signed,
    platform: Held,
    resident: Annotated[
        str | None, Query(max_length=100, description="only of this one, by your own pseudonym")
    ] = None,
) -> Response:
    return _json(platform.view(name, session.user, resident))


@router.get("/warnings", summary="Open warnings that you see", openapi_extra=SECURITY, responses={**_ROWS, **_READING})
def warnings(
    session: Signed,
    platform: Held,
    every: Annotated[bool, Query(alias="all", description="ended ones too")] = False,
    known_on: Annotated[date | None, Query(description="as it stood on that evening")] = None,
) -> Response:
    if known_on is not None and not date(2000, 1, 1) <= known_on <= date(2100, 1, 1):
        raise Problem(400, "A parameter or field is missing or has the wrong form.")
    return _json(platform.warnings(session.user, every=every, known_on=known_on))


@router.get(
    "/warnings/{warning_id}", summary="Why, and what closes it", openapi_extra=SECURITY, responses={**_ONE, **_READING}
)
def explain(warning_id: WarningId, session: Signed, platform: Held) -> Response:
    found = platform.explain(warning_id, session.user)
    if found is None:
        raise Problem(404)
    return _json(found)


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    reason: str


_REASON: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["reason"],
                    "additionalProperties": False,
                    "properties": {"reason": {"type": "string"}},
                }
            }
        },
    },
    **SECURITY,
}
_ANSWERS = {**_ONE, **problems(400, 401, 403, 404, 413, 415, 503)}


@router.post(
    "/warnings/{warning_id}/acknowledge",
    summary="Answer it, as a professional",
    openapi_extra=_REASON,
    responses=_ANSWERS,
)
async def acknowledge(request: Request, warning_id: WarningId, session: Signed) -> Response:
    return await _answer(request, warning_id, session, "acknowledged")


@router.post(
    "/warnings/{warning_id}/contest", summary="Contest it, as the resident", openapi_extra=_REASON, responses=_ANSWERS
)
async def contest(request: Request, warning_id: WarningId, session: Signed) -> Response:
    return await _answer(request, warning_id, session, "contested")


async def _answer(
    request: Request, warning_id: str, session: Session, kind: Literal["acknowledged", "contested"]
) -> Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, mend="Send application/json.")
    known = codes.members(REASONS[kind])
    try:
        reason = msgspec.json.decode(await request.body(), type=Answer).reason
    except (msgspec.MsgspecError, UnicodeDecodeError):
        reason = ""
    if reason not in known:
        raise Problem(
            400, "The reason is not in the list.", f'Send {{"reason": …}} with one of: {", ".join(sorted(known))}.'
        )
    return await run_in_threadpool(_say, request, warning_id, session, kind, reason)


def _say(request: Request, warning_id: str, session: Session, kind: str, reason: str) -> Response:
    with request.app.state.platforms.hold() as platform:
        return _json(platform.answer(warning_id, session.user, kind, reason))


def _json(told: Any) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")


REASONS = {"acknowledged": "acknowledgement", "contested": "contest_reason"}
