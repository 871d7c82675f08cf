"""Descriptions that can be reused for the same bytes at other paths."""

from __future__ import annotations

from collections.abc import Collection

from storage.db import description_rows
from storage.description import Description
from storage.jobs.transactions import Transactions
from storage.records import AnswerKey


class StoredAnswers:
    """Reads only. Safe to share between threads and processes."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def description(self, digest: str, key: AnswerKey) -> Description | None:
        """The newest one of the same bytes with this key, at any path."""
        return self._transactions.read(lambda connection: description_rows.cached(connection, digest, key))

    def described(self, digests: Collection[str], key: AnswerKey) -> set[str]:
        """Those of these digests (some hundreds) that have such a description."""
        return self._transactions.read(lambda connection: description_rows.answered(connection, digests, key))
