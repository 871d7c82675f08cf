"""What stands for a file's name, folder and date in a question, and the question with their values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from config.safe_text import safe_text

#: The file's name without its extension, the name of its folder, and its date.
VARIABLES = ("name", "folder", "date")
#: A doubled brace is a literal one; {word} is a variable; a brace alone is a mistake.
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
#: With these signs a file's name could form one of the model's special tokens.
_MARKUP = str.maketrans("", "", "<>|")


def variables_in(text: str) -> set[str]:
    """The names in single braces, known or not."""
    return {found[1] for found in _BRACES.finditer(text) if found[1] is not None}


def brace_mistakes(text: str, allowed: tuple[str, ...]) -> Iterator[str]:
    """Why the text cannot be filled with the allowed variables, each reason once."""
    for name in sorted(variables_in(text)):
        if name not in VARIABLES:
            known = ", ".join(f"{{{variable}}}" for variable in VARIABLES)
            yield f"{{{name}}} is none of {known}; write {{{{ and }}}} for braces"
        elif name not in allowed:
            yield f'{{{name}}} needs context = ["{name}"] in the recipe'
    if any(found[0] in ("{", "}") for found in _BRACES.finditer(text)):
        yield "a brace stands alone; write {{ and }} for braces"


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with values for its variables and single braces for doubled ones. Raises KeyError without a value.

    Values come from outside: signs that could form special tokens are left out, control characters are escaped.
    """

    def replaced(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else safe_text(values[found[1]].translate(_MARKUP))

    return _BRACES.sub(replaced, text)
