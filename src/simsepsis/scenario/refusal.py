"""What validation found, in one sentence with the place and the remedy."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from simsepsis.errors import did_you_mean


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first fault that validation found, with its place and the remedy.

    Parameters
    ----------
    error
        What was raised.
    model
        What was to be made, for the keys that could have been meant.
    """
    faults = error.errors()
    # A key with a spelling mistake is missing too; the unknown one tells why.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = did_you_mean(str(first["loc"][-1]), _keys_beside(model, first["loc"]))
        return f"{where}: unknown key{near or '; remove it'}"
    if first["type"] == "missing":
        return f"{where}: missing; give it"
    if first["type"] == "value_error":
        return f"{where + ': ' if where else ''}{first['ctx']['error']}"
    return f"{where} = {first['input']!r:.60}: {first['msg'].lower()}; correct the value"


def _keys_beside(model: Any, location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None and not isinstance(part, int):
            return []
        annotation = model if field is None else field.annotation
        inner = [item for item in getattr(annotation, "__args__", ()) if hasattr(item, "model_fields")]
        model = inner[0] if inner else annotation
    return list(getattr(model, "model_fields", {}))
