import inspect

import pytest

from vedette.model import errors


@pytest.mark.parametrize("kind", [member for _, member in inspect.getmembers(errors, inspect.isclass)])
def test_every_error_is_either_wrong_use_or_a_failure(kind: type[errors.VedetteError]) -> None:
    assert issubclass(kind, errors.VedetteError)
    if kind is not errors.VedetteError:
        assert issubclass(kind, errors.UsageError) != issubclass(kind, errors.OperationError)


def test_the_tree_in_the_text_is_the_tree_in_the_code() -> None:
    named = {word for word in (errors.__doc__ or "").split() if hasattr(errors, word)}
    assert named == {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
