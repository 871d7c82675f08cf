"""Column types that convert our values to database values and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Dialect, Double, Text, TypeDecorator, func, literal_column

from storage.records import Fingerprint


class UtcTime(TypeDecorator[datetime]):
    """A time as seconds since 1970 (UTC), so that the database can compare it. Exact to the microsecond."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else value.timestamp()

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


class SafeText(TypeDecorator[str]):
    """Text from any source. Undecodable bytes of a file name are lone surrogates, which no database stores.

    PostgreSQL does not store the character NUL either.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class FingerprintText(TypeDecorator[Fingerprint]):
    """ "device:inode:size:mtime_ns". As text, because inodes and extreme times do not fit 63 bits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Fingerprint | None, dialect: Dialect) -> Any:
        return None if value is None else f"{value.device}{without_device(value)}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Fingerprint | None:
        if value is None:
            return None
        device, inode, size, mtime_ns = map(int, value.split(":"))
        return Fingerprint(device=device, inode=inode, size=size, mtime_ns=mtime_ns)


#: The characters of a device number.
DIGITS = "-0123456789"


def without_device(file: Fingerprint) -> str:
    """A fingerprint's text without the device number."""
    return f":{file.inode}:{file.size}:{file.mtime_ns}"


def stored_without_device(column: Column[Fingerprint]) -> ColumnElement[str]:
    """The same for a stored fingerprint. Written like the index `jobs_of_a_file`, so that the database uses it."""
    return func.ltrim(column, literal_column(f"'{DIGITS}'"), type_=Text)


def is_one_of(column: Column[Fingerprint], files: Iterable[Fingerprint]) -> ColumnElement[bool]:
    """Whether a stored fingerprint equals one of these, in the sense of `Fingerprint`."""
    return stored_without_device(column).in_([without_device(file) for file in files])
