"""``local_text``: a few pleasant sentences about a topic, from a small grammar."""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from emprops.connectors.base import BadInputError, Outcome, Produced
from emprops.connectors.local_engine import payload
from emprops.connectors.local_engine.dice import Dice

MOST_SENTENCES = 12
TOPIC_LENGTH = 90
REQUEST = re.compile(
    r"^(?:please\s+)?(?:write|tell|make|create|compose|describe|give)\b.{0,60}?\b(?:about|on|for|of)\s+", re.IGNORECASE
)
SLOT = re.compile(r"\{(\w+)\}")

WORDS: dict[str, tuple[str, ...]] = {
    "time": ("at first light", "late in the afternoon", "on a quiet evening", "after the rain", "before anyone is up"),
    "place": (
        "by the window",
        "at the end of the street",
        "on the far shore",
        "under the old trees",
        "near the harbour",
    ),
    "sense": (
        "the smell of rain",
        "a thread of music",
        "warm light on stone",
        "the sound of distant water",
        "cool air",
    ),
    "feeling": ("calm", "wonder", "a small joy", "longing", "ease", "curiosity"),
    "animal": (
        "a heron",
        "a small brown sparrow",
        "the neighbour's cat",
        "a very patient dog",
        "an owl of firm opinions",
    ),
    "thing": (
        "a paper boat",
        "a brass key",
        "an unsent letter",
        "a chipped blue cup",
        "a lantern",
        "a pocketful of seeds",
    ),
    "verb": ("drifts", "waits", "glows", "hums", "lingers", "unfolds"),
}

# By tone: how a text may begin, go on and end. The topic is never a subject: it may be singular or plural.
GRAMMAR: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "warm": (
        (
            "There is something about {topic} that makes a day feel longer in the best way.",
            "Think of {topic} {time}, and you are already half way home.",
            "Everybody who loves {topic} remembers the first time.",
        ),
        (
            "It arrives {time}, with {sense}, and asks for nothing.",
            "You find it {place}, next to {thing}, exactly where you left it.",
            "It leaves {feeling} behind, the kind that stays through supper.",
            "Somebody you like puts {thing} on the table, and the talk slows down.",
            "Even {animal} {place} seems to approve.",
            "Share it, and there is more of it.",
        ),
        ("Keep a little for tomorrow.", "That is enough, and it is plenty.", "Come back soon; it will be here."),
    ),
    "playful": (
        (
            "Nobody had planned for {topic}, least of all {animal}.",
            "Breaking news from {place}: {topic}, back at last, with {thing}.",
            "Rule one of {topic}: never start without {thing}.",
        ),
        (
            "Witnesses mention {sense}, then {feeling}, then cake.",
            "It {verb} {place} and pretends that this was the idea all along.",
            "By the time {animal} took notes, the best part was over twice.",
            "Experts recommend one serving {time}; experts were ignored.",
            "A vote was held {time}, and {thing} won by a landslide.",
            "It costs {feeling} and gives change.",
        ),
        (
            "No further questions.",
            "The encore is tomorrow, weather permitting.",
            "The idea came from {animal}, officially.",
        ),
    ),
    "poetic": (
        (
            "{time}, {topic}: something {verb} like a word you almost know.",
            "Here is {topic}, and here the silence that carries it.",
            "Say {topic}, and mean {sense}, given a name.",
        ),
        (
            "The hours lean in; {sense} fills the room.",
            "{place}, {thing} holds the light a little longer.",
            "Something in us {verb}, and does not ask why.",
            "{animal} crosses the picture and leaves it changed.",
            "We call it {feeling}, for want of a smaller word.",
            "Each shadow keeps its edge, each edge its gold.",
        ),
        ("And then the light, and then the rest.", "Nothing is lost that was looked at so.", "Stay; it {verb} still."),
    ),
    "plain": (
        (
            "This is a short note about {topic}.",
            "Most people meet {topic} by chance.",
            "To understand {topic}, start with what is in front of you.",
        ),
        (
            "It is best seen {time}.",
            "Look for {sense}: it is the surest sign.",
            "Many keep {thing} as a reminder.",
            "A good place to begin is {place}.",
            "What it gives is {feeling}, and that is easy to underrate.",
            "Small steps work better here than a large plan.",
        ),
        ("That is all there is to it.", "The rest is practice.", "Try it once and judge for yourself."),
    ),
}


@dataclass(frozen=True, slots=True)
class TextPlan:
    """The payload of a text, checked."""

    topic: str
    tone: str
    sentences: int
    seed: int


def plan_text(fields: Mapping[str, Any], seed: int) -> TextPlan:
    """Check the payload. Raises :class:`BadInputError`."""
    wish = payload.text(fields, "topic", "") or payload.text(fields, "prompt", "")
    topic = REQUEST.sub("", " ".join(wish.split())).strip(" .!?,;:\"'")
    if len(topic) > TOPIC_LENGTH:
        topic = topic[:TOPIC_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
    if not topic:
        raise BadInputError("topic (or prompt) is required: what the text should be about.")
    tone = payload.choice(fields, "tone", "auto", ("auto", *GRAMMAR))
    if tone == "auto":
        tone = Dice("tone", topic).pick(tuple(GRAMMAR))
    return TextPlan(topic, tone, payload.integer(fields, "sentences", 4, 1, MOST_SENTENCES), seed)


def compose(plan: TextPlan) -> str:
    """The text; the same plan gives the same words, and no sentence comes twice in a row of six."""
    dice = Dice("text", plan.topic, plan.tone, plan.sentences, plan.seed)
    openings, middles, endings = GRAMMAR[plan.tone]
    chosen = [dice.pick(openings)]
    pool: list[str] = []
    while len(chosen) < plan.sentences - 1:
        pool = pool or list(middles)
        chosen.append(pool.pop(dice.integer(0, len(pool) - 1)))
    if plan.sentences > 1:
        chosen.append(dice.pick(endings))
    unused: dict[str, list[str]] = {}
    return " ".join(_fill(sentence, plan.topic, dice, unused) for sentence in chosen)


def _fill(sentence: str, topic: str, dice: Dice, unused: dict[str, list[str]]) -> str:
    def word(match: re.Match[str]) -> str:
        slot = match[1]
        if slot == "topic":
            return topic
        if not unused.get(slot):
            unused[slot] = list(WORDS[slot])
        return unused[slot].pop(dice.integer(0, len(unused[slot]) - 1))

    filled = SLOT.sub(word, sentence)
    return filled[0].upper() + filled[1:]


def write(plan: TextPlan) -> Generator[float, None, Outcome]:
    """Compose the text and give it as data and as a file."""
    content = compose(plan)
    yield 1.0
    file = Produced("text.txt", "text/plain", content.encode("utf-8", "replace"))
    return Outcome([file], {"text": content, "tone": plan.tone, "seed": plan.seed})
