"""The partner's side: readers of what their systems give."""

if __name__ != "woonketen.producers":  # a second copy of the package would hold a second set of types
    raise ImportError("import it as woonketen.producers")
