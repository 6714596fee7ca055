"""Self-contained HTML pages: layout, charts, pictures."""
