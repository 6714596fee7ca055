"""The learning pages of docs/, one file per page.

A file has `TITLE`, `page(measured) -> str`, which runs the code and returns Markdown, and may have `measure() ->
dict` for what differs between machines or takes minutes: times, training, images. What `measure` returns is kept in
docs/measured.json, so that writing the pages again gives the same text everywhere.
"""
