"""The web server: the portal's pages, the HTTP door and the JSON of both. FastAPI is imported from here on only."""
