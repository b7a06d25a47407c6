"""Errors as people and programs get them: a page in Dutch, or `application/problem+json` with a mend."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from woonketen.contracts.errors import ConfigurationError, NotYours, SetAside, Unreachable, WoonketenError
from woonketen.projections.portal.session import ForgedRequest, PurposeNeeded, SignInNeeded

log = logging.getLogger("woonketen.web")

SIGN_IN, PURPOSE = "/aanmelden", "/doel"
API = (
    "/events",
    "/token",
    "/links",
    "/views",
    "/warnings",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/updates",
)
TITLES: Mapping[int, str] = {
    400: "The request cannot be understood.",
    401: "Who asks is not known.",
    403: "This is not allowed.",
    404: "There is nothing here.",
    405: "That method does not exist here.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "This content type is not taken.",
    421: "This server has another name.",
    429: "Too many requests.",
    500: "Something went wrong on our side.",
    503: "The server cannot answer now.",
}
MENDS: Mapping[int, str] = {
    400: "Mend the request; see /openapi.json.",
    401: "Sign in, or ask /token for a new token.",
    403: "Ask the operator who may do this.",
    404: "Check the address.",
    405: "See /openapi.json.",
    408: "Send it again, in smaller parts or over a faster line.",
    413: "Send it in smaller parts.",
    415: "See /openapi.json for the content types.",
    421: "Use the address that the operator gave.",
    429: "Wait as long as Retry-After says.",
    500: "Try again; if it stays, give the operator the trace id.",
    503: "Try again later; nothing was lost.",
}


class Problem(Exception):
    """`detail` and `mend`: sentences of ours. `more`: further members; `headers`: of the answer."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        mend: str | None = None,
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or TITLES.get(status, ""))
        self.status, self.detail, self.mend = status, detail, mend
        self.more, self.headers = dict(more or {}), dict(headers or {})


def is_api(path: str) -> bool:
    return any(path == each or path.startswith(each + "/") for each in API)


def problem(request: Request, error: Problem) -> Response:
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(error.status, "The request failed."),
        "status": error.status,
    }
    if error.detail:
        told["detail"] = error.detail
    told |= {"mend": error.mend or MENDS.get(error.status, MENDS[400]), "trace": trace_of(request), **error.more}
    return JSONResponse(told, error.status, error.headers, "application/problem+json")


def answer(request: Request, error: Problem, why: str | None = None) -> Response:
    """For a program or for a person, by the path that was asked. `why`: a code for the page's words."""
    if is_api(request.url.path):
        return problem(request, error)
    from woonketen.orchestration.web.pages import error_page

    page = error_page(request, error.status, trace_of(request), why)
    page.headers.update(error.headers)
    return page


def trace_of(request: Request) -> str:
    return str(request.scope.get("woonketen.trace", ""))


def install(app: FastAPI) -> None:
    """Every error that a route can raise; what is left over is caught by the outermost layer."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(PurposeNeeded, _purpose)
    app.add_exception_handler(ForgedRequest, _forged)
    app.add_exception_handler(WoonketenError, _own)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(request, error)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer(request, Problem(error.status_code, headers=error.headers))


def _invalid(request: Request, error: Exception) -> Response:
    """Names the fields, never what stood in them, and a field's name only where it is ours."""
    return answer(request, Problem(400, "A parameter or field is missing or has the wrong form."))


def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    return _lead(request, SIGN_IN, error.back, Problem(401, headers={"WWW-Authenticate": "Bearer"}))


def _purpose(request: Request, error: Exception) -> Response:
    assert isinstance(error, PurposeNeeded)
    told = "The purpose of looking was not given."
    return _lead(request, PURPOSE, error.back, Problem(403, told, "Choose it on the page, or send Woonketen-Purpose."))


def _lead(request: Request, path: str, back: str, error: Problem) -> Response:
    if is_api(request.url.path):
        return problem(request, error)
    to = path + ("" if back == "/" else "?" + urlencode({"terug": back}))
    if request.headers.get("hx-request"):
        return Response(status_code=error.status, headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


def _forged(request: Request, error: Exception) -> Response:
    return answer(request, Problem(403, "The session's token is missing.", "Send X-CSRF-Token."), "forged")


def _own(request: Request, error: Exception) -> Response:
    """Ours, with a sentence of ours. What somebody may not see and what is not there give the same answer."""
    assert isinstance(error, WoonketenError)
    if isinstance(error, Unreachable | NotYours | SetAside):
        log.warning("unavailable", extra={"trace": trace_of(request), "error": type(error).__name__})
        return answer(request, Problem(503, headers={"Retry-After": "5"}))
    if isinstance(error, ConfigurationError):
        return answer(request, Problem(404))
    log.error("failed", extra={"trace": trace_of(request), "error": type(error).__name__})
    return answer(request, Problem(500))
