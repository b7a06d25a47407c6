"""Wiring, the operator's command, the embedded PostgreSQL."""

if __name__ != "woonketen.orchestration":  # a second copy of the package would hold a second set of types
    raise ImportError("import it as woonketen.orchestration")
