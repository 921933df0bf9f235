"""The names that the package exports."""

import llm_relay
from llm_relay import messages


def test_every_exported_name_exists() -> None:
    for name in llm_relay.__all__:
        assert getattr(llm_relay, name) is not None


def test_every_message_is_exported_by_the_package_too() -> None:
    kinds = {name for name in messages.__all__ if name[0].isupper() and not name.isupper()}
    assert kinds - set(llm_relay.__all__) == {"ResultPart"}
