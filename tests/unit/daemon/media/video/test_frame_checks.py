from __future__ import annotations

from daemon.media.video.frame_checks import MAX_STRAY_FRAMES, RECOVERY_SECONDS, FrameChecks


def shown(stream: str, checks: FrameChecks | None = None) -> tuple[str, FrameChecks]:
    """Which frames of a stream are accepted.

    One sign a frame, eight a second: "K" a key frame, "." one that depends on others, "C" one that
    the decoder had to guess, "X" such a key frame, "!" one that it could not decode; "?" a place behind which something
    may be missing, " " a pause, ">" a leap.
    """
    checks, kept = checks or FrameChecks(), ""
    for number, sign in enumerate(stream):
        if sign == "!":
            checks.record_loss()
        elif sign == ">":
            checks.reset_after_seek()
        elif sign == "?":
            checks.suspect_after((number + 1) / 8)
        elif sign != " " and checks.accepts(number / 8, is_key=sign in "KX", is_corrupt=sign in "CX"):
            kept += sign
    return kept, checks


def test_a_sound_stream_is_shown_whole() -> None:
    kept, checks = shown("K.......K.......")
    assert (kept, checks.is_damaged, checks.is_cut_short) == ("K.......K.......", False, False)


def test_what_builds_on_damage_is_left_out_until_the_next_key_frame() -> None:
    for damage in ("C", "!", "C!", "X"):
        kept, checks = shown(f"K..{damage}....K..")
        assert (kept, checks.is_damaged, checks.is_cut_short) == ("K..K..", True, False), damage


def test_a_stream_that_has_no_key_frame_for_long_is_shown_again() -> None:
    healing = round(RECOVERY_SECONDS * 8)
    kept, checks = shown("K." + "!" + "." * (healing + 5))
    assert (len(kept), checks.is_damaged) == (2 + 6, True)


def test_a_torn_end_is_no_damage_in_the_middle() -> None:
    assert shown("K..." + "!" * MAX_STRAY_FRAMES)[1].is_cut_short is False
    _, checks = shown("K..." + "!" * (MAX_STRAY_FRAMES + 1) + "..")  # the last frames leave the decoder late
    assert (checks.is_cut_short, checks.is_damaged) == (True, False)


def test_frames_before_the_key_frame_after_a_seek_are_no_damage() -> None:
    kept, checks = shown("K...>CCK...")
    assert (kept, checks.is_damaged) == ("K...K...", False)


def test_a_damaged_key_frame_after_a_seek_is_reported() -> None:
    for damage in ("X", "!"):
        assert shown(f"K...>{damage}..K...")[1].is_damaged, damage


def test_damage_before_a_seek_is_reported() -> None:
    assert shown("K..!>K...")[1].is_damaged


def test_behind_a_suspect_place_a_key_frame_is_waited_for() -> None:
    kept, checks = shown("K..?...K..")
    assert (kept, checks.is_damaged) == ("K...K..", True)


def test_where_films_are_joined_nothing_is_lost() -> None:
    kept, checks = shown("K..?.K...")
    assert (kept, checks.is_damaged) == ("K...K...", False)


def test_a_pause_is_damage_only_where_parts_are_known_to_be_gone() -> None:
    kept, checks = shown("K..   ..K..")
    assert (kept, checks.is_damaged) == ("K....K..", False)
    kept, checks = shown("K..   ..K..", FrameChecks(1.5 / 8))
    assert (kept, checks.is_damaged) == ("K..K..", True)
