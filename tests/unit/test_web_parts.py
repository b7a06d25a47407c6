"""The small decisions of the web server, without a server: rates, metrics, assertions, marks, the realm of the docs."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from woonketen.orchestration.web import desk, door, processing, rate, signin, tokens
from woonketen.orchestration.web.metrics import Metrics
from woonketen.orchestration.web.rate import Buckets
from woonketen.orchestration.web.signin import ALGORITHMS, BACK

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize("module", [desk, processing, rate, signin, tokens])
def test_what_the_docstrings_show(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize(("value", "told"), [(1_234_567, "1234567"), (0.25, "0.25"), (0, "0")])
def test_a_figure_loses_no_digit(value: float, told: str) -> None:
    assert f"woonketen_log_end {told}\n" in Metrics().text({"woonketen_log_end": [((), value)]})


@settings(deadline=None)
@given(st.lists(st.floats(min_value=0, max_value=3), max_size=60), st.integers(1, 5))
def test_nobody_passes_more_often_than_its_rate(pauses: list[float], burst: int) -> None:
    now = 0.0
    buckets = Buckets(2.0, burst, lambda: now)
    passed = 0
    for pause in pauses:
        now += pause
        passed += buckets.take("a") == 0.0
    assert passed <= burst + 2.0 * now + 1e-6


@settings(deadline=None)
@given(st.integers(1, 50))
def test_who_waits_as_long_as_told_passes(asked: int) -> None:
    now = 0.0
    buckets = Buckets(3.0, 2, lambda: now)
    for _ in range(asked):
        wait = buckets.take("a")
        if wait:
            now += wait + 1e-9
            assert buckets.take("a") == 0.0


def test_metrics_are_in_the_text_format_and_count() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.03, 20.0):
        metrics.request("GET", "/views/{name}", 200, seconds)
    metrics.request('G"ET\n', "/", 200, 0.0)
    metrics.receipt("refused", "schema")
    lines = metrics.text({"woonketen_up": [((), 1.0)]}).splitlines()
    assert 'woonketen_http_requests_total{method="GET",route="/views/{name}",status="200"} 3' in lines
    assert 'woonketen_http_request_seconds_bucket{route="/views/{name}",le="0.05"} 2' in lines
    assert 'woonketen_http_request_seconds_bucket{route="/views/{name}",le="+Inf"} 3' in lines
    assert 'woonketen_receipts_total{status="refused",reason="schema"} 1' in lines
    assert 'woonketen_http_requests_total{method="other",route="/",status="200"} 1' in lines
    assert "woonketen_up 1" in lines


@settings(deadline=None)
@given(
    st.dictionaries(st.text("0123456789abcdef", min_size=4, max_size=4), st.text(min_size=1, max_size=3), max_size=30)
)
def test_a_mark_tells_how_many_rows_are_new(rows: dict[str, str]) -> None:
    mark = desk.mark_of(rows)
    assert desk.differing(mark, mark) == 0
    assert len(mark) == 4 * len(rows)
    more = {**rows, "zzzz": "x"}
    assert desk.differing(mark, desk.mark_of(more)) == 1
    many = {str(n): "x" for n in range(1000)}
    assert len(desk.mark_of(many)) < 20
    assert desk.differing(desk.mark_of(many), desk.mark_of(rows)) >= 1


@settings(deadline=None)
@given(st.binary(max_size=60))
@example(b'{},"subject":"K-1"')
@example(b'1,"source":"x","data":{}')
def test_the_body_of_the_binary_mode_is_one_value_or_nothing(body: bytes) -> None:
    """Whatever it is, the line that admission gets has the attributes of the headers and no others."""
    from starlette.datastructures import Headers

    headers = Headers({"content-type": "application/json", "ce-id": "e-1", "ce-specversion": "1.0"})
    line = door.binary(headers, body)
    try:
        told = json.loads(line)
    except ValueError:
        return  # it is no JSON for others either, and admission says so
    assert set(told) == {"id", "specversion", "datacontenttype", "data"}
    assert told["id"] == "e-1"


def test_the_realm_of_the_docs_fits_what_the_sign_in_does() -> None:
    realm = json.loads((EXAMPLES / "keycloak-realm.json").read_text("utf-8"))
    (client,) = realm["clients"]
    assert client["redirectUris"] == [f"https://woonketen.example{BACK}"]
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    assert client["attributes"]["post.logout.redirect.uris"] == "https://woonketen.example/"
    assert client["attributes"]["id.token.signed.response.alg"] in ALGORITHMS
    assert "profile" in client["defaultClientScopes"]  # preferred_username
    assert not any(client[each] for each in ("implicitFlowEnabled", "directAccessGrantsEnabled", "publicClient"))
    assert not realm["registrationAllowed"]
