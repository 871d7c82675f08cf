"""Column types that turn our values into what a database holds, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Dialect, Double, Text, TypeDecorator, func, literal_column

from storage.records import Fingerprint


class UtcTime(TypeDecorator[datetime]):
    """A moment as seconds since 1970 (UTC), so that the database can compare it. Exact to the microsecond."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else value.timestamp()

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Words(TypeDecorator[str]):
    """Text from anywhere. Undecodable bytes of a file name arrive as lone surrogates, which no database takes.

    Nor does PostgreSQL take the character NUL.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class FingerprintText(TypeDecorator[Fingerprint]):
    """ "device:inode:size:mtime_ns". As text, because inodes and far-off times do not fit 63 bits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Fingerprint | None, dialect: Dialect) -> Any:
        return None if value is None else f"{value.device}{apart_from_disk(value)}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Fingerprint | None:
        if value is None:
            return None
        device, inode, size, mtime_ns = map(int, value.split(":"))
        return Fingerprint(device=device, inode=inode, size=size, mtime_ns=mtime_ns)


#: What the number of a disk is written with.
DIGITS = "-0123456789"


def apart_from_disk(file: Fingerprint) -> str:
    """A fingerprint's text without the number of its disk."""
    return f":{file.inode}:{file.size}:{file.mtime_ns}"


def stored_apart_from_disk(column: Column[Fingerprint]) -> ColumnElement[str]:
    """The same of a stored one. As the index `jobs_of_a_file` has it, so that the database finds it there."""
    return func.ltrim(column, literal_column(f"'{DIGITS}'"), type_=Text)


def is_one_of(column: Column[Fingerprint], files: Iterable[Fingerprint]) -> ColumnElement[bool]:
    """Whether a stored fingerprint equals one of these, as `Fingerprint` compares them."""
    return stored_apart_from_disk(column).in_([apart_from_disk(file) for file in files])
