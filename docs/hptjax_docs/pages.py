"""All generated pages of the manual."""

from hptjax_docs.api import api_pages
from hptjax_docs.commands import command_page
from hptjax_docs.glossary import glossary_page
from hptjax_docs.keys import key_page
from hptjax_docs.results import copied_pages
from hptjax_docs.tables import table_pages


def pages() -> dict[str, str]:
    """Returns {place in the manual: Markdown}; imports every part that a table names."""
    return {
        **key_page(),
        **table_pages(),
        **command_page(),
        **glossary_page(),
        **api_pages(),
        **copied_pages(),
    }
