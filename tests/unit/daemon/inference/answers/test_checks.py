from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.recipes import Question, load_recipe
from daemon.inference.answers.checks import WORDS, broken_rules, clean, judge
from daemon.inference.batch.repetition import is_repeating
from daemon.inference.engine import Answer
from daemon.inference.smolvlm.prompts import chat, video_block
from storage.quality import MEANINGS
from tests.support.demo_world.world import some_film, some_picture

CAPTION = "Describe this image in one sentence."
FRAMES = "You are provided the following series of eight frames from a 0:00:08 [H:MM:SS] video.\n"

#: Text that the rules look for, in any order and nesting.
PIECES = [
    "<image>",
    "<im",
    "age>",
    "<|im_end|>",
    "</s>",
    "<",
    "|>",
    "[H:MM:SS]",
    "Frame from 00:01:",
    "User:",
    "Assistant:",
]
PIECES += [
    "In this image we can see ",
    "The image shows ",
    "Here's a caption:",
    CAPTION,
    FRAMES,
    "a dog",
    " ",
    "\n",
    ".",
    ",",
    "- ",
    "1.",
]


def judged(text: str, question: str = CAPTION, *, complete: bool = True) -> tuple[str, ...]:
    return judge(Answer(text=text, tokens=len(text.split()), complete=complete), question)


class TestTrueAlarms:
    @pytest.mark.parametrize(
        "text",
        [
            "the " * 40,
            "A dog. " + "a book, a pen, a cup, " * 5,
            "The image shows a table. " + "There is a book on the table. " * 6,
            # The loop is most of the last words, though not of the whole answer.
            " ".join(map(str, range(200))) + " and a small red car" * 10,
            # Too long a pattern for a running check, and not at the end.
            "On a wooden table near the tall window there is a bowl with several ripe fruits. " * 4 + "That is all.",
            "The man walks. The man stops. " * 9,
            "".join(f"There is a red car number {number}. " for number in range(12)),
            "!" * 80 + "a",
            "哈哈" * 40,
        ],
    )
    def test_a_loop(self, text: str) -> None:
        assert judged(text) == ("loop",)

    def test_a_loop_of_tokens_that_the_text_does_not_show(self) -> None:
        answer = Answer(text="Yes.", tokens=40, complete=False, looped=True)
        assert judge(answer, CAPTION) == ("loop",)

    def test_one_thing_for_nearly_all_of_the_answer(self) -> None:
        words = (["red"] * 19 + ["car"]) * 2 + ["a", "b"]
        assert not is_repeating(words, WORDS)
        assert judged(" ".join(words)) == ("loop",)

    @pytest.mark.parametrize(
        "text",
        [
            CAPTION,
            "describe this image in one sentence",
            "Describe this image in",
            f"{CAPTION} A dog on a beach.",
            f"A dog on a beach. {CAPTION}",
            f"User:{CAPTION}\nAssistant: A dog on a beach.",
        ],
    )
    def test_an_echo(self, text: str) -> None:
        assert judged(text) == ("echo",)

    @pytest.mark.parametrize(
        ("text", "codes"),
        [
            ("A [H:MM:SS] video of a dog.", ("timestamps",)),
            ("Frame from 00:01: a dog. Frame from 00:02: a cat.", ("timestamps",)),
            (f"{FRAMES}A dog runs.", ("echo", "timestamps")),
            ("A dog<|im_start|>on a beach.", ("leaked-token",)),
            ("A dog <fake_token_around_image><row_1_col_2><image> on a beach.", ("leaked-token",)),
            ("<end_of_utterance>", ("empty",)),
            ("", ("empty",)),
            (" ... ", ("empty",)),
            ("Here's a detailed description:", ("empty",)),
        ],
    )
    def test_other_faults(self, text: str, codes: tuple[str, ...]) -> None:
        assert judged(text) == codes

    @pytest.mark.parametrize(
        "text",
        ["A dog on a", "A dog,", "A dog, a cat:", "There is:\n- a dog.\n-", "There is:\n1. A dog.\n2.", "A dog\n*"],
    )
    def test_a_cut_off(self, text: str) -> None:
        assert judged(text, complete=False) == ("cut-off",)
        assert judged(text, complete=True) == ()

    def test_a_stopped_loop_is_both(self) -> None:
        assert judged("a red car and " * 12, complete=False) == ("loop", "cut-off")


class TestFalseAlarms:
    @pytest.mark.parametrize(
        "text",
        [
            "Red.",
            "4",
            "Yes",
            "STOP",
            "A dog, a dog and a dog.",
            "A sign that says HA HA HA.",
            "HA HA HA HA HA HA HA HA HA HA",
            "no no no no",
            "A big, big dog.",
            "A very, very, very long train.",
            "The account number is 0000000000000000000000.",
            "Aaaaaaaaaaaaaaaaaaaargh!",
            "A form with a line: ________________________",
            "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
            "London Bridge is falling down, falling down, falling down. London Bridge is falling down, my fair lady.",
            "The wheels on the bus go round and round, round and round, round and round. "
            "The wheels on the bus go round and round, all through the town.",
            "This is the cat that killed the rat that ate the malt that lay in the home that Jack built.",
            # A list says something new each time.
            "There is a red circle at the top left. There is a red circle at the top right. "
            "There is a red circle at the bottom left. There is a red circle at the bottom right.",
            "Departures: 08:00, 09:00, 10:00, 11:00, 12:00, 13:00, 14:00, 15:00.",
            "At 00:03 the man sits down, and at 00:07 he stands up.",
            "User: admin",
            "Describe this image",
            "A page of HTML: <b>bold</b> <br> <p>.",
            "Is 3 < 4 and 5 > 4?",
            # Stripped, they are whole.
            "A dog on a beach.<end_of_utterance>",
            "A dog on a beach. </s>\n<|im_end|>",
            "Here's a detailed description of the image: A dog on a beach.",
        ],
    )
    def test_a_good_answer_is_not_suspect(self, text: str) -> None:
        assert judged(text) == ()

    @pytest.mark.parametrize(
        "text", ['It says "STOP."', "A dog.", "Stop!", "A dog (and a cat).", "犬がいます。", "And so on…"]
    )
    def test_an_answer_that_ends_at_the_limit_with_a_sentence_is_whole(self, text: str) -> None:
        assert judged(text, complete=False) == ()

    @pytest.mark.parametrize(
        ("question", "text"),
        [
            ("Is it a dog on a beach or a cat on a sofa?", "A cat on a sofa."),
            ("What colour is the background?", "The background is red."),
            ("Red?", "Red."),
            ("What is it?", "What is it? It is a dog."),
        ],
    )
    def test_words_of_the_question_are_no_echo(self, question: str, text: str) -> None:
        assert judged(text, question) == ()

    @given(seed=st.integers(0, 2**32))
    def test_the_truth_about_drawn_pictures_and_clips_is_never_suspect(self, seed: int) -> None:
        rng, recipe = random.Random(seed), load_recipe()
        picture, film = some_picture(rng), some_film(rng)
        pairs = list(picture.questions())
        for scene, questions in ((picture, recipe.image), (film, recipe.video)):
            pairs += zip((question.ask for question in questions), (scene.caption, scene.summary), strict=True)
        for question, text in pairs:
            assert judged(text, question) == ()
            assert clean(text, question=question) == text


class TestCleaning:
    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("  A dog.\n", "A dog."),
            ("A dog.<end_of_utterance>", "A dog."),
            ("A dog<image>on a <image> <image> beach.</s>", "A dog on a beach."),
            ("<|im_start|>Assistant: A dog.<|im_end|>", "A dog."),
            ("Here's a detailed description: A dog.", "A dog."),
            ("Sure! Here is a one-sentence caption for the image:\n\nA dog.", "A dog."),
            ("Below is the description of this picture: A dog.", "A dog."),
            (f"{CAPTION} A dog.", "A dog."),
            (f'{CAPTION} "A dog."', '"A dog."'),
            (f"User:<image>{CAPTION}\nAssistant: A dog.", "A dog."),
            ("A [H:MM:SS] video of a dog.", "A video of a dog."),
            ("Frame from 00:01: A dog.\nFrame from 00:02: A cat.", "A dog.\nA cat."),
            (f"{FRAMES}A dog runs.", "A dog runs."),
            # How the model was taught to begin.
            ("In this image we can see a dog and a cat.", "A dog and a cat."),
            ("In this image, we can see two dogs on a beach.", "Two dogs on a beach."),
            ("In the picture I can see the sea at dusk.", "The sea at dusk."),
            ("In this image, a dog runs along.", "A dog runs along."),
            ("In this image there is a dog.", "There is a dog."),
            ("In this image, there are 3 dogs.", "There are 3 dogs."),
            ("The image shows a dog on a beach. It runs.", "A dog on a beach. It runs."),
            ("This image clearly depicts the old town, seen from afar.", "The old town, seen from afar."),
            ("The video shows a man with a hat. The video shows a dog.", "A man with a hat. The video shows a dog."),
            ("The photo captures several boats in fog.", "Several boats in fog."),
            ("Here's a caption: the image shows a dog with a ball.", "A dog with a ball."),
            (f"{CAPTION} The image shows a dog with a ball.", "A dog with a ball."),
            # What would stay is no sentence, or says less.
            ("The image shows a dog.", "The image shows a dog."),
            ("The video shows one shape. It is red.", "The video shows one shape. It is red."),
            ("The image shows", "The image shows"),
            ("The image shows a", "The image shows a"),
            ("The image shows how to tie a knot.", "The image shows how to tie a knot."),
            ("In this image we can see", "In this image we can see"),
            ("The video shows off the car.", "The video shows off the car."),
            ("The image is a drawing of a dog.", "The image is a drawing of a dog."),
            ("A dog. The image shows a cat.", "A dog. The image shows a cat."),
            # Nothing but what would go: kept, for people to see.
            (CAPTION, CAPTION),
            ("Here's a detailed description:", "Here's a detailed description:"),
            ("<image><image>", ""),
            # Not ours to touch.
            ("Two  spaces,\n\nand lines.", "Two  spaces,\n\nand lines."),
            ("Here is a dog: it sleeps.", "Here is a dog: it sleeps."),
            ("<b>bold</b>", "<b>bold</b>"),
        ],
    )
    def test_an_answer_is_cleaned(self, text: str, kept: str) -> None:
        assert clean(text, question=CAPTION) == kept

    def test_a_whole_prompt_that_comes_back_is_taken_away(self) -> None:
        question = "Describe this video in one sentence."
        prompt = chat(video_block([0.0, 1.0, 62.5], 63.0, tokens_per_tile=4) + question, picture_first=False)
        assert clean(f"{prompt} A dog runs.", question=question) == "A dog runs."
        assert judged(f"{prompt} A dog runs.", question) == ("echo", "timestamps", "leaked-token")


texts = st.one_of(
    st.text(), st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=40).map("".join)
)


@given(text=texts, question=st.one_of(st.sampled_from([CAPTION, "", "Red?"]), texts), complete=st.booleans())
@example(text="\udcff" * 70, question="a\\b (c [d *e", complete=False)
@example(text=" " * 20_000 + "x", question=CAPTION, complete=False)
def test_any_text_can_be_judged_and_cleaned(text: str, question: str, complete: bool) -> None:
    codes = judged(text, question, complete=complete)
    assert set(codes) <= set(MEANINGS)
    cleaned = clean(text, question=question)
    assert clean(cleaned, question=question) == cleaned
    assert len(cleaned) <= len(text)


class TestRulesOfAQuestion:
    RULES = Question(name="alt_text", ask=CAPTION, tokens=48, max_characters=20, avoid=("image of", "photo of"))

    def broken(self, text: str) -> tuple[str, ...]:
        return broken_rules(Answer(text=text, tokens=9, complete=True), self.RULES)

    @pytest.mark.parametrize("text", ["A dog on a beach.", "a" * 20, "Imagine a dog.", "", "The imageof", "A photo."])
    def test_an_answer_that_keeps_them_breaks_none(self, text: str) -> None:
        assert self.broken(text) == ()

    def test_an_answer_with_more_characters_is_too_long(self) -> None:
        assert self.broken("a" * 21) == ("too-long",)

    @pytest.mark.parametrize("text", ["Image of a dog.", "An image of dogs.", "the PHOTO, of it.", "image of"])
    def test_an_opening_to_avoid_is_found_with_and_without_an_article(self, text: str) -> None:
        assert self.broken(text) == ("opening",)

    def test_what_is_removed_from_an_answer_does_not_count(self) -> None:
        assert self.broken("Here's a short description of the picture: A dog.<end_of_utterance>") == ()

    def test_a_question_without_rules_allows_everything(self) -> None:
        plain = Question(name="caption", ask=CAPTION, tokens=48)
        assert broken_rules(Answer(text="An image of " + "a" * 999, tokens=9, complete=True), plain) == ()
