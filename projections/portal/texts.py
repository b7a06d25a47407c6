"""All sentences of the pages, as they stand in templates and routes; and the catalogues of the other languages.

python -m woonketen.projections.portal.texts    # adds what is new to translations/*.po, with an empty translation
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from woonketen.projections.portal.rendering import HERE, LANGUAGES

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": (2,)}
_JINJA = {"trim_blocks": "true", "lstrip_blocks": "true"}

Text = str | tuple[str, ...]


def texts() -> list[Text]:
    """One sentence, or its singular and plural; in the order of the files."""
    return list(dict.fromkeys(_texts()))


def missing(language: str) -> list[Text]:
    """What has no translation, or no longer stands anywhere."""
    catalogue, known = _catalogue(language), texts()
    lacking = [each for each in known if not _translated(catalogue, each)]
    gone = [each for each in _told(catalogue) if each not in known]
    return lacking + gone


def _texts() -> Iterator[Text]:
    for path in sorted(HERE.glob("templates/*.html")):
        yield from _of(path, "jinja2.ext:babel_extract", _JINJA)
    for path in sorted(HERE.glob("*.py")):
        yield from _of(path, "python", {})


def _of(path: Path, method: str, options: dict[str, str]) -> Iterator[Text]:
    found = extract(method, BytesIO(path.read_bytes()), KEYWORDS, options=options)
    for _, text, *_ in found:
        yield text


def _catalogue(language: str) -> Catalog:
    path = _path(language)
    if not path.exists():
        return Catalog(language)
    with path.open("rb") as lines:
        return read_po(lines, locale=language)


def _told(catalogue: Catalog) -> list[Text]:
    found = [message.id for message in catalogue if message.id]
    return [each if isinstance(each, str) else tuple(each) for each in found]


def _translated(catalogue: Catalog, text: Text) -> bool:
    message = catalogue.get(text)
    told = (message.string if message else "") or ""
    return bool(told) and (isinstance(told, str) or all(told))


def _path(language: str) -> Path:
    return HERE / "translations" / f"{language}.po"


def main() -> None:
    for language in LANGUAGES[1:]:
        catalogue, known = _catalogue(language), texts()
        for text in known:
            if not catalogue.get(text):
                catalogue.add(text)
        for text in _told(catalogue):
            if text not in known:
                catalogue.delete(text)
        with _path(language).open("wb") as out:
            write_po(out, catalogue, width=0, sort_output=True)
        sys.stdout.write(f"{language}: {len(known)} texts, {len(missing(language))} without a translation\n")


if __name__ == "__main__":
    main()
