"""Names of the system and of other programs: rejected unless a setting allows them.

Globs of `fnmatch`, case-insensitive. Sources: freedesktop.org's trash specification, the documentation of
rsync(1), exiftool(1), Syncthing, Synology and QNAP, the names that browsers and download programs give
incomplete files, and macOS packages (folders shown as one file). Names that a user is likely to choose are not listed:
"CVS" would match "CVs", and "RECYCLED" an album.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GlobGroup:
    """Names of one kind. For the sentences: `what` has such a name, and the consequence (`then`)."""

    what: str
    globs: tuple[str, ...]
    then: str


def group(what: str, globs: str, then: str = "such files are ignored") -> GlobGroup:
    """`globs`: separated by newlines or two spaces; names contain single ones."""
    parted = (glob.strip(" ") for glob in globs.replace("\n", "  ").split("  "))
    return GlobGroup(what, tuple(filter(None, parted)), then)


def folders(what: str, globs: str) -> GlobGroup:
    return group(what, globs, "such folders are not searched")


FOLDERS = (
    folders(
        "a trash folder",
        """
        .Trash  .Trash-*  .Trashes  .trashed-*  Network Trash Folder  .dtrash
        $RECYCLE.BIN  RECYCLER  #recycle  @Recycle  .recycle
        """,
    ),
    folders(
        "a folder of the operating system",
        """
        System Volume Information  $Extend  $WinREAgent  found.[0-9][0-9][0-9]  lost+found
        .Spotlight-V100  .fseventsd  .DocumentRevisions-V100  .TemporaryItems  Temporary Items  .localized  __MACOSX
        .AppleDouble  .AppleDB  .AppleDesktop  @tmp  @sharebin
        """,
    ),
    folders(
        "a folder of snapshots or backups",
        """
        .snapshot  .snapshots  #snapshot  @Recently-Snapshot  .zfs  Backups.backupdb  .MobileBackups
        """,
    ),
    folders("a folder of thumbnails", "thumbs  .thumbs  .thumbnails  @eaDir  .@__thumb  @__thumb  .xvpics"),
    folders(
        "a library or document of another program",
        """
        *.photoslibrary  *.photolibrary  *.migratedphotolibrary  *.migratedaplibrary  *.aplibrary  *.apvault
        iPhoto Library  Photo Booth Library  *.lrdata  *.lrlibrary  *.cocatalog
        *.fcpbundle  *.fcpcache  *.fcarch  *.imovielibrary  *.rcproject  *.theater  *.tvlibrary
        *.musiclibrary  *.dvdmedia  *.band  *.logicx  *.key  *.pages  *.numbers  *.rtfd  *.textbundle  *.scriv
        *.app  *.appex  *.bundle  *.framework  *.plugin  *.kext  *.pkg  *.mpkg  *.xcodeproj  *.playground  *.docset
        *.sparsebundle  *.backupbundle  *.vmwarevm  *.pvm  *.utm
        """,
    ),
    folders(
        "a program's own folder",
        """
        .immich  .ppstorage  .photoprism  .photostructure  node_modules  bower_components  __pycache__
        """,
    ),
    folders(
        "a sync program's own folder",
        """
        .sync  .stfolder*  .stversions  .dropbox.cache  .tmp.driveupload  .tmp.drivedownload  .SynologyWorkingDirectory
        .bzvol
        """,
    ),
    folders("a folder of version control", ".git  .svn  .hg  .bzr  _darcs"),
    folders(
        "a folder whose files are still on their way",
        "*.download  *.crdownload  *.opdownload  _UNPACK_*  *.sb-*  .~tmp~  .rsync-partial*",
    ),
)

FILES = (
    group(
        "a file that is still being fetched or written",
        """
        *.part  *.partial  *.filepart  *.crdownload  *.download  *.downloading  *.opdownload  *.fdmdownload
        *.!ut  *.!qb  *.!sync  *.bc!  *.aria2  *.ytdl  *.part-frag*  *.temp.mp4  *.temp.mkv  *.temp.webm
        *.tmp  *.temp  *.inprogress  *.incomplete  *.onetmp  *.crswap  *.sb-*  *_exiftool_tmp
        ~syncthing~*  .syncthing.*  .goutputstream-*  .pending-*  *.icloud
        .*.[a-z0-9][a-z0-9][a-z0-9][a-z0-9][a-z0-9][a-z0-9]
        """,
        then="it is picked up under its final name",
    ),
    group(
        "a program's backup, lock or scratch file",
        "*.bak  *~  *_original  *.swp  *.swo  *.lock  .~lock.*  ~$*  Photoshop Temp*  .#*",
    ),
    group(
        "a file of the operating system",
        """
        .DS_Store  ._*  .apdisk  Icon\r  desktop.ini  Thumbs.db  ehthumbs.db  ehthumbs_vista.db
        .trashed-*  .nfs*  .smbdelete*  .fuse_hidden*
        """,
    ),
)
