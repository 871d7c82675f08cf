"""What a file may be that is no picture or video for smolwatch: its name for people, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ForeignKind:
    """`code` is stable. `label` stand in a sentence ("a song (MP3)"), `plural` behind a count ("songs").

    `advice` is one sentence. `own_sentence` takes the place of the usual sentence.
    """

    code: str
    label: str
    plural: str
    advice: str
    own_sentence: str = ""

    @property
    def sentence(self) -> str:
        return self.own_sentence or f"It is {self.label}, which smolwatch does not open."

    @property
    def singular(self) -> str:
        """Behind a count of one: "song (MP3)"."""
        return self.label.removeprefix("a ").removeprefix("an ")


EXPORT = "Export it as JPEG or PNG into the inbox."
CONVERT = "Convert it to MP4, and put that into the inbox."
PAGES = "To have its pages described, save them as JPEG or PNG pictures in the inbox."
UNPACK = "If it holds pictures or videos, unpack them into the inbox."
NOTHING = "Nothing needs doing: smolwatch describes pictures and videos, and leaves all other files as they are."
COMPANION = "Nothing needs doing: another program keeps notes of its own in it."


def group(plural: str, label: str, advice: str, **names: str) -> list[ForeignKind]:
    """Kinds that are counted together; `names` by code, for the place that `label` leaves open."""
    return [ForeignKind(code.replace("_", "-"), label.format(name), plural, advice) for code, name in names.items()]


UNKNOWN = ForeignKind(
    "unknown",
    "a file of a kind that smolwatch does not know",
    "files of unknown kinds",
    "If it is a picture or a video, save it as JPEG, PNG or MP4 in the inbox.",
    own_sentence="It is a file of a kind that smolwatch does not know.",
)
BLANK = ForeignKind(
    "blank",
    "a file that begins with nothing but zeros",
    "files that begin with zeros",
    "A copy that is under way is looked at again by itself; if none is, copy the file into the inbox once more.",
    own_sentence="It begins with nothing but zeros: either its copy is still under way, or it is damaged.",
)

#: By code. New kinds go into a row of their family; `daemon/media/foreign/foreign_files.py` knows their first bytes.
KINDS = {
    kind.code: kind
    for kind in (
        # Pictures, and what can be exported as one.
        *group("Photoshop files", "a Photoshop file ({})", EXPORT, psd="PSD", psb="PSB"),
        *group("Illustrator files", "an Illustrator file ({})", EXPORT, ai="AI"),
        *group("PostScript files", "a PostScript file ({})", EXPORT, eps="EPS", ps="PS"),
        *group("SVG drawings", "a drawing ({})", EXPORT, svg="SVG"),
        *group("drawings", "a drawing ({})", EXPORT, cdr="CorelDRAW", emf="EMF", wmf="WMF", sketch="Sketch"),
        *group("icons and cursors", "an icon ({})", EXPORT, ico="ICO", icns="ICNS"),
        *group("icons and cursors", "a mouse cursor ({})", EXPORT, cur="CUR", ani="ANI"),
        *group("JPEG 2000 pictures", "a JPEG 2000 picture{}", EXPORT, jp2=""),
        *group("JPEG XR pictures", "a JPEG XR picture{}", EXPORT, jxr=""),
        *group("JPEG XL pictures", "a JPEG XL picture{}", EXPORT, jxl=""),
        *group("HDR pictures", "a picture with a high dynamic range ({})", EXPORT, exr="OpenEXR", hdr="Radiance HDR"),
        *group("GIMP files", "a GIMP file ({})", EXPORT, xcf="XCF"),
        *group(
            "paintings and layouts",
            "a file of {}",
            EXPORT,
            krita="Krita",
            ora="a painting program (OpenRaster)",
            affinity="an Affinity program",
            indesign="InDesign",
            clip="Clip Studio Paint",
            psp="Paint Shop Pro",
        ),
        *group("medical images", "a medical image ({})", EXPORT, dicom="DICOM"),
        *group("astronomical images", "an astronomical image ({})", EXPORT, fits="FITS"),
        *group("raw photos", "a raw photo ({})", EXPORT, crw="CRW"),
        *group(
            "other pictures",
            "a picture in a rare format ({})",
            EXPORT,
            dds="DDS",
            qoi="QOI",
            bpg="BPG",
            flif="FLIF",
            pcx="PCX",
            sgi="SGI",
            sun_raster="Sun raster",
            netpbm="Netpbm",
            xpm="XPM",
            xbm="XBM",
            iff="IFF",
            ktx="KTX",
            heif="HEIF",
        ),
        *group("3D models", "a 3D model ({})", EXPORT, blender="Blender", gltf="glTF", fbx="FBX", usd="USD"),
        # Videos.
        *group("RealMedia files", "a RealMedia file ({})", CONVERT, realmedia="RM"),
        *group("Flash animations", "a Flash animation ({})", CONVERT, swf="SWF"),
        *group(
            "other videos",
            "a video in a rare format ({})",
            CONVERT,
            cdxa="Video CD",
            ivf="IVF",
            y4m="Y4M",
            wtv="WTV",
            r3d="R3D",
            bink="Bink",
            h264="H.264 without a container",
            h265="H.265 without a container",
        ),
        # What can be heard.
        *group(
            "songs",
            "a song ({})",
            NOTHING,
            mp3="MP3",
            flac="FLAC",
            aac="AAC",
            ogg="Ogg Vorbis",
            opus="Opus",
            m4p="M4P",
            ape="Monkey's Audio",
            wavpack="WavPack",
            musepack="Musepack",
            tta="TTA",
            dsd="DSD",
        ),
        *group("songs", "a song or voice memo ({})", NOTHING, m4a="M4A"),
        *group("audio books", "an audio book ({})", NOTHING, m4b="M4B"),
        *group(
            "sound files",
            "a sound file ({})",
            NOTHING,
            wav="WAV",
            aiff="AIFF",
            amr="AMR",
            caf="CAF",
            au="AU",
            w64="W64",
            ac3="AC-3",
            realaudio="RealAudio",
            midi="MIDI",
            soundfont="SoundFont",
        ),
        *group("playlists", "a playlist{}", NOTHING, playlist=""),
        *group("subtitles", "a file of subtitles ({})", NOTHING, srt="SRT", vtt="VTT", ass="ASS", vobsub="VobSub"),
        *group("lyrics", "a file of lyrics ({})", NOTHING, lrc="LRC"),
        # What can be read.
        *group("PDF documents", "a PDF document{}", PAGES, pdf=""),
        *group("DjVu documents", "a DjVu document{}", PAGES, djvu=""),
        *group("books", "a book ({})", PAGES, epub="EPUB", mobi="MOBI"),
        *group(
            "Office documents",
            "an Office document ({})",
            PAGES,
            docx="Word",
            xlsx="Excel",
            pptx="PowerPoint",
            ole="older Word, Excel or PowerPoint",
            odt="OpenDocument text",
            ods="OpenDocument table",
            odp="OpenDocument slides",
            odg="OpenDocument drawing",
            iwork="Pages, Numbers or Keynote",
            rtf="RTF",
        ),
        *group("web pages", "a web page ({})", NOTHING, html="HTML"),
        *group("texts", "a text{}", NOTHING, text=""),
        *group("tables", "a table ({})", NOTHING, csv="CSV"),
        *group(
            "data files", "a data file ({})", NOTHING, json="JSON", xml="XML", gps="GPS track", binary_plist="PLIST"
        ),
        *group("e-mails", "an e-mail{}", NOTHING, email=""),
        *group("contacts and calendars", "a file of {}", NOTHING, vcard="contacts (VCF)", calendar="dates (ICS)"),
        # Notes that other programs leave beside pictures and videos.
        *group("sidecars of other programs", "a sidecar of another program ({})", COMPANION, xmp="XMP", aae="AAE"),
        *group("sidecars of other programs", "a sidecar of another program{}", COMPANION, sidecar=""),
        *group("files of a camcorder or DVD", "an index of a camcorder's card or a DVD{}", COMPANION, disc_index=""),
        *group("companions of macOS", "a companion file of macOS{}", COMPANION, apple_double="", ds_store=""),
        *group("shortcuts", "a shortcut{}", "Put the file itself into the inbox.", shortcut=""),
        # The rest of a disk.
        *group(
            "archives",
            "an archive ({})",
            UNPACK,
            zip="ZIP",
            seven_zip="7z",
            rar="RAR",
            gzip="GZIP",
            xz="XZ",
            bzip2="BZIP2",
            zstd="ZSTD",
            lz4="LZ4",
            tar="TAR",
            cab="CAB",
            ar="AR",
            xar="XAR",
            rpm="RPM",
        ),
        *group("disk images", "a disk image{}", UNPACK, disk_image=""),
        *group("programs", "a program{}", NOTHING, program=""),
        *group("scripts", "a script{}", NOTHING, script=""),
        *group("databases", "a database ({})", NOTHING, sqlite="SQLite", access="Access"),
        *group("fonts", "a font{}", NOTHING, font=""),
        *group("torrents", "a torrent{}", NOTHING, torrent=""),
        UNKNOWN,
        BLANK,
    )
}

#: With these, nothing was learnt about the file: it may still be on its way.
UNSURE_KINDS = frozenset({UNKNOWN.code, BLANK.code})
