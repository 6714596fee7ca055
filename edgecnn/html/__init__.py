"""Self-contained HTML pages: layout, charts, images."""
