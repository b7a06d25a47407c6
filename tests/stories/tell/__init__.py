"""How the stories are told: one module per programme, each resident a function; `feed` writes what partners send."""
