"""SQL lives in `.sql` files beside the module that uses it, so that reviewers read it as SQL.

A file holds any number of queries. Each starts with its name and a description of at least one line:

    -- name: redeem_voucher
    -- Marks the voucher as redeemed if it still can be; no row when it cannot.
    update vouchers set ...

and Python says `sql = load_queries(__file__, "vouchers.sql")`, then `sql.redeem_voucher`.
"""

import re
from pathlib import Path

NAME_LINE = re.compile(r"--\s*name:\s*(?P<name>.*?)\s*")
NAME = re.compile(r"[a-z][a-z0-9_]*")


class QueryFileError(Exception):
    """A `.sql` file is not in the form above. Raised at import, so that it cannot reach production."""


class Queries:
    """The queries of one file as attributes; each is the SQL text without its name and description."""

    __slots__ = ("_file_name", "_texts")

    def __init__(self, file_name: str, texts: dict[str, str]) -> None:
        self._file_name = file_name
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(
                f"no query '{name}' in {self._file_name}; there are: {', '.join(sorted(self._texts))}"
            ) from None

    def __dir__(self) -> list[str]:
        return sorted(self._texts)


def load_queries(module_file: str, file_name: str) -> Queries:
    """Read `file_name`, which lies in the folder of `module_file` (pass `__file__`)."""
    path = Path(module_file).with_name(file_name)
    return Queries(file_name, parse_queries(path.read_text(encoding="utf-8"), file_name))


def parse_queries(text: str, file_name: str) -> dict[str, str]:
    """Query texts by name, in the order of the file.

    Raises QueryFileError for text before the first name, a name that is no Python name or stands twice, and a query
    without description or without SQL."""
    texts: dict[str, str] = {}
    name, name_line_no, lines = "", 0, list[str]()

    def finish() -> None:
        if name:
            texts[name] = _without_description(lines, f"{file_name}:{name_line_no}: query '{name}'")

    for line_no, line in enumerate(text.splitlines(), start=1):
        heading = NAME_LINE.fullmatch(line)
        if heading is None:
            if not name and line.strip():
                raise QueryFileError(f"{file_name}:{line_no}: write '-- name: …' before the first query")
            lines.append(line)
            continue
        finish()
        name, name_line_no, lines = heading["name"], line_no, []
        if not NAME.fullmatch(name):
            raise QueryFileError(f"{file_name}:{line_no}: '{name}' is not a name like redeem_voucher")
        if name in texts:
            raise QueryFileError(f"{file_name}:{line_no}: there are two queries '{name}'; rename one")
    finish()
    return texts


def _without_description(lines: list[str], where: str) -> str:
    body_from = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    if not any(line.lstrip("- ") for line in lines[:body_from]):
        raise QueryFileError(f"{where} needs a comment below its name that says what it does")
    sql = "\n".join(lines[body_from:]).strip()
    if not sql:
        raise QueryFileError(f"{where} has no SQL")
    return sql
