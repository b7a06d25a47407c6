"""What every theme does with PostgreSQL: its errors in our own words, its binary COPY, and one process at a time."""
