"""What each stakeholder sees: SQL, roles, queries."""

if __name__ != "woonketen.projections":  # a second copy of the package would hold a second set of types
    raise ImportError("import it as woonketen.projections")
