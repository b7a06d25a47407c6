"""Takes what the pages use out of the packages of NL Design System and htmx, once, for who renews them.

    npm pack @utrecht/component-library-css@9.0.4 @nl-design-system-unstable/voorbeeld-design-tokens@7.4.1
    npm pack htmx.org@4.0.1
    python -m woonketen.projections.portal.vendoring FOLDER_WITH_THE_TGZ_FILES

Of the component library only the components in `COMPONENTS`, of the tokens only the variables that those and the own
style sheet lead to. Users need none of this: what it makes is in the repository, with `manifest.json` beside it.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent / "static"
COMPONENTS = ("button", "document", "select", "textbox")
PACKAGES = {
    "utrecht": ("@utrecht/component-library-css", "9.0.4", "EUPL-1.2", "LICENSE.md"),
    "voorbeeld": ("@nl-design-system-unstable/voorbeeld-design-tokens", "7.4.1", "EUPL-1.2", "LICENSE.md"),
    "htmx": ("htmx.org", "4.0.1", "0BSD", "LICENSE"),
}
FILES = {"htmx": ("dist/htmx.min.js", "dist/ext/hx-sse.min.js")}
_CLASS = re.compile(r"\.utrecht-([a-z0-9-]+?(?:__[a-z0-9-]+?)?)(?=--|[^a-z0-9_-]|$)")
_VARIABLE = re.compile(r"--[A-Za-z0-9_-]+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Top-level rules of a style sheet: (selector or at-rule, body)."""
    css, at = _COMMENT.sub("", css), 0
    while (begin := css.find("{", at)) >= 0:
        depth, end = 1, begin + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        head = css[at:begin].rpartition(";")[2].strip()
        yield head, css[begin + 1 : end - 1]
        at = end


def used_rules(css: str) -> str:
    """The rules of the components that are used; of a list of selectors only those that name one of them."""
    found = []
    for head, body in rules(css):
        if head.startswith("@"):
            if head.startswith("@media") and (inner := used_rules(body)):
                found.append(f"{head} {{\n{inner}}}\n")
            continue
        kept = [each.strip() for each in _selectors(head) if _is_used(each)]
        if kept:
            found.append(f"{', '.join(kept)} {{{body}}}\n")
    return "".join(found)


def _selectors(head: str) -> list[str]:
    parts, depth, at = [], 0, 0
    for i, letter in enumerate(head):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append(head[at:i])
            at = i + 1
    return [*parts, head[at:]]


def _is_used(selector: str) -> bool:
    named = [each.partition("__")[0] for each in _CLASS.findall(selector)]
    return bool(named) and all(each in COMPONENTS for each in named) and "html-" not in selector


def used_tokens(theme: str, wanted: Iterable[str]) -> str:
    """The variables of the theme that `wanted` leads to, in the theme's order."""
    lines = dict(re.findall(r"^\s*(--[A-Za-z0-9_-]+):\s*(.*?);\s*$", theme, re.MULTILINE))
    needed, todo = set(), list(wanted)
    while todo:
        name = todo.pop()
        if name in lines and name not in needed:
            needed.add(name)
            todo += _VARIABLE.findall(lines[name])
    body = "".join(f"  {name}: {value};\n" for name, value in lines.items() if name in needed)
    return f".voorbeeld-theme {{\n{body}}}\n"


def main(folder: Path) -> None:
    for name in PACKAGES:
        (HERE / "vendor" / name).mkdir(parents=True, exist_ok=True)
    css = used_rules(_read(folder, "utrecht", "dist/index.css"))
    own = (HERE / "portal.css").read_text(encoding="utf-8")
    tokens = used_tokens(_read(folder, "voorbeeld", "dist/theme.css"), _VARIABLE.findall(css + own))
    _write("utrecht", "components.css", _head("utrecht") + css)
    _write("voorbeeld", "tokens.css", _head("voorbeeld") + tokens)
    for name, paths in FILES.items():
        for path in paths:
            text = _read(folder, name, path)
            _write(name, Path(path).name, re.sub(r"\n?//# sourceMappingURL=\S+\s*$", "\n", text))
    for name, (_, _, _, licence) in PACKAGES.items():
        _write(name, "LICENSE", _read(folder, name, licence))
    _manifest()


def _read(folder: Path, name: str, path: str) -> str:
    package, version, _, _ = PACKAGES[name]
    archive = folder / f"{package.lstrip('@').replace('/', '-')}-{version}.tgz"
    with tarfile.open(archive) as opened:
        member = opened.extractfile(f"package/{path}")
        assert member is not None
        return member.read().decode()


def _head(name: str) -> str:
    package, version, licence, _ = PACKAGES[name]
    return f"/* {package} {version}, {licence}; the part that is used, see vendoring.py */\n"


def _write(name: str, file: str, text: str) -> None:
    (HERE / "vendor" / name / file).write_text(text, encoding="utf-8")


def _manifest() -> None:
    told = {
        name: {
            "package": package,
            "version": version,
            "licence": licence,
            "files": {
                path.name: sha256(path.read_bytes()).hexdigest() for path in sorted((HERE / "vendor" / name).iterdir())
            },
        }
        for name, (package, version, licence, _) in PACKAGES.items()
    }
    (HERE / "vendor" / "manifest.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
