"""The language and the rules: pure, no I/O, no clock, no environment."""

if __name__ != "woonketen.contracts":  # a second copy of the package would hold a second set of types
    raise ImportError("import it as woonketen.contracts")
