"""An address that somebody else made up opens a page as usual, and nothing outside the data folder (X3)."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.kit import MAIN, words

HOSTILE = ("../x", "/etc/passwd", "x\x00y", "CON", "x" * 300, "%2e%2e")
NAMES = ("character", "pair", "run", "job", "result", "version", "adapter", "drafting")


@pytest.mark.parametrize("page", ["pairs", "traits", "jobs", "versions"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_made_up_address_is_no_way_out(page: str, value: str) -> None:
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    for name in NAMES:
        app.query_params[name] = value
    app.run()
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception, app.exception
    assert "root:" not in words(app)
