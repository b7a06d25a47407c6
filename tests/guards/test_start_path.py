"""What a command imports before it does anything: measured, because nobody notices it until `--help` takes seconds."""

import subprocess
import sys

import pytest

HEAVY = {"dagster", "great_expectations", "faust", "kafka", "fastapi", "psycopg", "cryptography", "rich", "holidays"}


def imported(code: str) -> set[str]:
    probe = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_cli_imports_no_heavy_library_on_its_start_path() -> None:
    assert imported("import woonketen.orchestration.cli") & HEAVY == set()


def test_the_portal_starts_without_the_libraries_of_stewards_and_of_kafka() -> None:
    names = imported("import woonketen.orchestration.web.app, woonketen.orchestration.web.serve")
    assert names & {"dagster", "great_expectations", "faust", "kafka", "pandas"} == set()


def test_the_contracts_and_readers_need_nothing_of_the_platform() -> None:
    names = imported("import woonketen.contracts.catalogue, woonketen.producers.readers")
    assert names & (HEAVY - {"holidays"}) == set()


def test_publishing_needs_nothing_of_the_platform_and_no_way_that_is_not_taken() -> None:
    names = imported("import woonketen.producers.cli, woonketen.producers.sdk")
    assert names & ((HEAVY - {"holidays"}) | {"httpx2", "joserfc", "openpyxl", "starlette", "jinja2"}) == set()


@pytest.mark.parametrize("folder", ["contracts", "streams", "projections", "producers", "orchestration"])
def test_a_second_copy_of_a_folder_is_refused(folder: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {folder}"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"import it as woonketen.{folder}" in done.stderr
