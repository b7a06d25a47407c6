"""From door to effects: admission, the log, the step."""

if __name__ != "woonketen.streams":  # a second copy of the package would hold a second set of types
    raise ImportError("import it as woonketen.streams")
