from __future__ import annotations

from collections.abc import Iterator

import pytest

from robocell_controller.trust.home import VARIABLE


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and store of the tests: never those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("home")))
        yield
