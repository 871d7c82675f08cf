"""Every container with the codecs, pixel formats, ranges and matrices that occur in it."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

from tests.support.media.formats import light
from tests.support.media.formats.containers import Coding

LOW = {"profile": "dnxhr_lb"}


def hdr(codec: str, signal: light.Curve, *, full: bool = False) -> Coding:
    """Ten bits with BT.2020 primaries and matrix."""
    return Coding(codec=codec, pixels="yuv420p10le", matrix="bt2020", signal=signal, full=full)


#: File name to coding; what stands before the first dash is unique with its suffix.
PLAIN = {
    "h264.mp4": Coding(),
    "h264-10.mp4": Coding(pixels="yuv420p10le"),
    "h264-422.mp4": Coding(pixels="yuv422p"),
    "h264-444.mp4": Coding(pixels="yuv444p"),
    "h264-rgb.mp4": Coding(codec="libx264rgb", pixels="rgb24", tagged=False),
    "h264-untagged.mp4": Coding(tagged=False),
    "h264-reordered.mp4": Coding(settings={"preset": "medium", "bf": "3"}),
    "h264-fragments.mp4": Coding(options={"movflags": "frag_keyframe+empty_moov"}),
    "h264-faststart.mp4": Coding(options={"movflags": "faststart"}),
    "hevc.mp4": Coding(codec="libx265"),
    "hevc-10.mp4": Coding(codec="libx265", pixels="yuv420p10le"),
    "hevc-422.mp4": Coding(codec="libx265", pixels="yuv422p10le"),
    "hevc-444.mp4": Coding(codec="libx265", pixels="yuv444p"),
    "hevc-12.mp4": Coding(codec="libx265", pixels="yuv420p12le"),
    "vp9.mp4": Coding(codec="libvpx-vp9"),
    "av1.mp4": Coding(codec="libsvtav1"),
    "av1-10.mp4": Coding(codec="libsvtav1", pixels="yuv420p10le"),
    "mpeg4.mp4": Coding(codec="mpeg4"),
    "mjpeg.mp4": Coding(codec="mjpeg", pixels="yuvj444p", full=True),
    "h264.m4v": Coding(),
    "h264.mov": Coding(),
    "hevc.mov": Coding(codec="libx265"),
    "prores.mov": Coding(codec="prores_ks", pixels="yuv422p10le"),
    "prores-4444.mov": Coding(codec="prores_ks", pixels="yuv444p10le"),
    "dnxhr.mov": Coding(codec="dnxhd", pixels="yuv422p", settings=LOW),
    "cineform.mov": Coding(codec="cfhd", pixels="yuv422p10le"),
    "mjpeg.mov": Coding(codec="mjpeg", pixels="yuvj422p", full=True),
    "dv.mov": Coding(codec="dvvideo", size=(720, 576), rate=25, aspect=Fraction(16, 15)),
    "animation.mov": Coding(codec="qtrle", pixels="rgb24", tagged=False),
    "png.mov": Coding(codec="png", pixels="rgb24", tagged=False),
    "rpza.mov": Coding(codec="rpza", pixels="rgb555le", tagged=False),
    "sorenson.mov": Coding(codec="svq1", pixels="yuv410p", tagged=False),
    "v210.mov": Coding(codec="v210", pixels="yuv422p10le"),
    "h263.3gp": Coding(codec="h263", size=(352, 288)),
    "mpeg4.3gp": Coding(codec="mpeg4"),
    "h264.3gp": Coding(),
    "mpeg4.3g2": Coding(codec="mpeg4"),
    "h264.mkv": Coding(),
    "hevc-10.mkv": Coding(codec="libx265", pixels="yuv420p10le"),
    "av1.mkv": Coding(codec="libsvtav1"),
    "vp8.mkv": Coding(codec="libvpx"),
    "mpeg2.mkv": Coding(codec="mpeg2video", rate=25),
    "mpeg4.mkv": Coding(codec="mpeg4"),
    "mjpeg.mkv": Coding(codec="mjpeg", pixels="yuvj420p", full=True),
    "ffv1.mkv": Coding(codec="ffv1"),
    "raw.mkv": Coding(codec="rawvideo"),
    "vp8.webm": Coding(codec="libvpx"),
    "vp9.webm": Coding(codec="libvpx-vp9"),
    "vp9-444.webm": Coding(codec="libvpx-vp9", pixels="yuv444p"),
    "vp9-rgb.webm": Coding(codec="libvpx-vp9", pixels="gbrp", tagged=False),
    "vp9-live.webm": Coding(codec="libvpx-vp9", options={"live": "1"}),
    "av1.webm": Coding(codec="libsvtav1", pixels="yuv420p10le"),
    "mpeg4.avi": Coding(codec="mpeg4"),
    "divx3.avi": Coding(codec="msmpeg4"),
    "divx2.avi": Coding(codec="msmpeg4v2"),
    "h264.avi": Coding(),
    "mjpeg.avi": Coding(codec="mjpeg", pixels="yuvj422p", full=True),
    "dv.avi": Coding(codec="dvvideo", size=(720, 576), rate=25, aspect=Fraction(16, 15)),
    "huffyuv.avi": Coding(codec="huffyuv", pixels="yuv422p"),
    "ffvhuff.avi": Coding(codec="ffvhuff"),
    "utvideo.avi": Coding(codec="utvideo", pixels="yuv422p"),
    "raw-rgb.avi": Coding(codec="rawvideo", pixels="bgr24", tagged=False),
    "raw-yuyv.avi": Coding(codec="rawvideo", pixels="yuyv422"),
    "msvideo1.avi": Coding(codec="msvideo1", pixels="rgb555le", tagged=False),
    "zmbv.avi": Coding(codec="zmbv", pixels="bgr0", tagged=False),
    "h264.ts": Coding(),
    "hevc.ts": Coding(codec="libx265"),
    "mpeg2.ts": Coding(codec="mpeg2video", rate=25),
    "mpeg2-422.ts": Coding(codec="mpeg2video", pixels="yuv422p", rate=25),
    "mpeg2.m2t": Coding(codec="mpeg2video", rate=25),
    "h264.mts": Coding(options={"mpegts_m2ts_mode": "1"}),
    "mpeg1.mpg": Coding(codec="mpeg1video", rate=25),
    "mpeg2.mpg": Coding(codec="mpeg2video", rate=25),
    "mpeg2.vob": Coding(codec="mpeg2video", rate=25),
    "wmv1.wmv": Coding(codec="wmv1"),
    "wmv2.wmv": Coding(codec="wmv2"),
    "divx3.wmv": Coding(codec="msmpeg4"),
    "h264.flv": Coding(),
    "sorenson.flv": Coding(codec="flv"),
    "flashsv.flv": Coding(codec="flashsv", pixels="bgr24", tagged=False),
    "vp8.ogv": Coding(codec="libvpx"),
    "mpeg2.mxf": Coding(codec="mpeg2video", rate=25),
    "h264.mxf": Coding(rate=25),
    "dnxhr.mxf": Coding(codec="dnxhd", pixels="yuv422p", rate=25, settings=LOW),
}
#: The tags that say how colours are computed: each matrix in both ranges, by codecs that write them in several ways.
TAGGED = {
    f"{codec}-{matrix}-{'full' if full else 'tv'}{suffix}": Coding(
        codec=codec, matrix=matrix, full=full, signal=light.wide if matrix == "bt2020" else light.sdr
    )
    for (codec, suffix), matrix, full in product(
        (("libx264", ".mp4"), ("libx265", ".mov"), ("libvpx-vp9", ".webm"), ("libsvtav1", ".mkv"), ("libx264", ".ts")),
        ("bt601", "bt709", "bt2020"),
        (False, True),
    )
    if not (codec == "libsvtav1" and matrix == "bt2020")
}
HDR = {
    "hevc-pq.mp4": hdr("libx265", light.pq),
    "hevc-pq-full.mov": hdr("libx265", light.pq, full=True),
    "hevc-pq.ts": hdr("libx265", light.pq),
    "av1-pq.mkv": hdr("libsvtav1", light.pq),
    "av1-pq.webm": hdr("libsvtav1", light.pq),
    "hevc-hlg.mov": hdr("libx265", light.hlg),
    "hevc-hlg.mkv": hdr("libx265", light.hlg),
    "av1-hlg.mp4": hdr("libsvtav1", light.hlg),
    "prores-hlg.mov": Coding(codec="prores_ks", pixels="yuv422p10le", matrix="bt2020", signal=light.hlg),
}
CODINGS = PLAIN | TAGGED | HDR
