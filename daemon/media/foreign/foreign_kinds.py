"""Kinds of files that smolwatch does not describe: name and advice for users."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ForeignKind:
    """`code` is stable. `label` is used in sentences ("a song (MP3)"), `plural` after a count ("songs").

    `advice` is one sentence. `own_sentence` replaces the usual sentence.
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
        """After a count of one: "song (MP3)"."""
        return self.label.removeprefix("a ").removeprefix("an ")


EXPORT = "Export it as JPEG or PNG into the inbox."
CONVERT = "Convert it to MP4 and put the MP4 file into the inbox."
PAGES = "To describe its pages, save them as JPEG or PNG pictures in the inbox."
UNPACK = "If it holds pictures or videos, unpack them into the inbox."
NOTHING = "Nothing needs doing: smolwatch describes only pictures and videos, and does not change other files."
COMPANION = "Nothing needs doing: another program stores its own data in it."


def group(plural: str, label: str, advice: str, **names: str) -> list[ForeignKind]:
    """Kinds that share one count; `names` by code fill the placeholder in `label`."""
    return [ForeignKind(code.replace("_", "-"), label.format(name), plural, advice) for code, name in names.items()]


UNKNOWN = ForeignKind(
    "unknown",
    "a file of an unknown kind",
    "files of unknown kinds",
    "If it is a picture or a video, save it as JPEG, PNG or MP4 in the inbox.",
    own_sentence="It is a kind of file that smolwatch does not recognise.",
)
BLANK = ForeignKind(
    "blank",
    "a file that starts with zeros only",
    "files that start with zeros only",
    "A file that is still being copied is checked again automatically; otherwise copy it into the inbox once more.",
    own_sentence="It starts with zeros only: it is still being copied, or it is damaged.",
)

#: By code. `daemon/media/foreign/foreign_files.py` has their signatures.
KINDS = {
    kind.code: kind
    for kind in (
        # Pictures, and files that can be exported as pictures.
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
        *group("HDR pictures", "an HDR picture ({})", EXPORT, exr="OpenEXR", hdr="Radiance HDR"),
        *group("GIMP files", "a GIMP file ({})", EXPORT, xcf="XCF"),
        *group(
            "paintings and layouts",
            "{} file",
            EXPORT,
            krita="a Krita",
            ora="an OpenRaster",
            affinity="an Affinity",
            indesign="an InDesign",
            clip="a Clip Studio Paint",
            psp="a Paint Shop Pro",
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
        # Sound, and files that accompany it.
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
        *group("subtitle files", "a subtitle file ({})", NOTHING, srt="SRT", vtt="VTT", ass="ASS", vobsub="VobSub"),
        *group("lyrics files", "a lyrics file ({})", NOTHING, lrc="LRC"),
        # Text and documents.
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
        *group("text files", "a text file{}", NOTHING, text=""),
        *group("tables", "a table ({})", NOTHING, csv="CSV"),
        *group(
            "data files", "a data file ({})", NOTHING, json="JSON", xml="XML", gps="GPS track", binary_plist="PLIST"
        ),
        *group("e-mails", "an e-mail{}", NOTHING, email=""),
        *group("contacts and calendars", "a {}", NOTHING, vcard="contacts file (VCF)", calendar="calendar file (ICS)"),
        # Files that other programs store beside pictures and videos.
        *group("sidecars of other programs", "a sidecar of another program ({})", COMPANION, xmp="XMP", aae="AAE"),
        *group("sidecars of other programs", "a sidecar of another program{}", COMPANION, sidecar=""),
        *group("camcorder and DVD index files", "an index file of a camcorder or DVD{}", COMPANION, disc_index=""),
        *group("macOS metadata files", "a macOS metadata file{}", COMPANION, apple_double="", ds_store=""),
        *group("shortcuts", "a shortcut{}", "Put the file itself into the inbox.", shortcut=""),
        # Other files.
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

#: The kind of these files is not known; they may still be incomplete copies.
UNSURE_KINDS = frozenset({UNKNOWN.code, BLANK.code})
