"""Which errors mean that the system allows no more folder watches."""

from __future__ import annotations

import errno

#: inotify: too many watches (ENOSPC), or too many open files or inotify instances (EMFILE).
LIMIT_ERRORS = frozenset({errno.ENOSPC, errno.EMFILE})
