"""One frozen struct per event type, by theme. Field names, shapes and codes follow the catalogue's samples."""
