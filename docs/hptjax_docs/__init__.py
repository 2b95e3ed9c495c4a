"""Writes the pages of the manual that follow from the code: keys, tables, commands, API.

Nothing here needs MkDocs: `pages` gives Markdown, `docs/hook.py` hands it to the site's builder.
"""
