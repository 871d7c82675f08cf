"""Where the sidecars of a file belong: beside it, or in the same subfolder of an output folder; and which are written.

The mirror holds the sidecars of places that cannot be written; see `mirror`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from storage.sidecars import json, markdown
from storage.sidecars.merging import Form
from storage.sidecars.names import sidecar_name

#: All formats; JSON first, since it names the recipes of the Markdown's parts.
FORMATS: tuple[Form, ...] = (json, markdown)


@dataclass(frozen=True, kw_only=True)
class SidecarPlaces:
    """The places of one inbox. `forms`: those that are written; others that are there are still read and moved.

    `output`: the folder that gets the sidecars of the files below `root`; None: they are beside their files.
    """

    forms: tuple[Form, ...] = FORMATS
    root: bytes = b""
    output: bytes | None = None

    def path(self, file: bytes, form: Form) -> bytes:
        """The path of the file's sidecar."""
        folder, name = os.path.split(file)
        return os.path.join(self.folder_of(folder), sidecar_name(name, form.SUFFIX))

    def folder_of(self, folder: bytes) -> bytes:
        """The folder that gets the sidecars of the files in this one."""
        if self.output is None or not is_within(folder, self.root):
            return folder
        return self.output + folder[len(self.root) :]

    def file_folder(self, folder: bytes) -> bytes:
        """The folder whose files have their sidecars in this one."""
        if self.output is None or not is_within(folder, self.output):
            return folder
        return self.root + folder[len(self.output) :]

    def is_moved(self, file: bytes) -> bool:
        """Whether the file's sidecars are elsewhere than beside it."""
        folder = os.path.dirname(file)
        return self.folder_of(folder) != folder


#: Every format, beside the files.
BESIDE = SidecarPlaces()


def forms_named(names: Collection[str]) -> tuple[Form, ...]:
    """The formats with these names: "json" and "md"."""
    return tuple(form for form in FORMATS if form.SUFFIX.rpartition(b".")[2].decode() in names)


def is_within(folder: bytes, other: bytes) -> bool:
    """Whether a folder is the other one, or lies in it. Both without a slash at the end."""
    return folder == other or folder.startswith(other + b"/")
