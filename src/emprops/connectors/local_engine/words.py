"""What the engine can draw, and reading a prompt for it: the words it draws, and those it can only set as lettering."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")


Meaning = tuple[str, ...]


def _all(features: str, words: str) -> dict[str, Meaning]:
    return dict.fromkeys((word.replace("_", " ") for word in words.split()), tuple(features.split()))


# Of every word: the features that it puts into the picture. Underscores stand for the spaces of a phrase.
MEANINGS: dict[str, Meaning] = {
    # places
    **_all("sea", "sea ocean seascape waves wave surf tide atlantic pacific"),
    **_all("sea beach", "beach coast shore seaside coastline bay lagoon"),
    **_all("harbour boat houses", "harbour harbor port marina"),
    **_all("sea island", "island islands isle"),
    **_all("lake", "lake pond reflection water"),
    **_all("river", "river stream brook creek"),
    **_all("mountains", "mountain mountains peak peaks alps alpine summit range valley fjord mountainside"),
    **_all("hills", "hill hills hilly landscape countryside highlands scenery"),
    **_all("meadow", "meadow meadows field fields grass grassland prairie pasture lawn park garden"),
    **_all("forest", "forest forests wood woods woodland jungle pines firs conifers"),
    **_all("desert", "desert dunes dune sahara sand sandy wasteland"),
    **_all("city", "city skyline town cityscape downtown skyscraper skyscrapers metropolis buildings street urban"),
    **_all("houses", "village hamlet houses"),
    # in the sky
    **_all("sun", "sun sunlight sunny sunshine sunlit sunbeams"),
    **_all("moon night", "moon moonlight moonlit full_moon"),
    **_all("crescent night", "crescent crescent_moon half_moon new_moon"),
    **_all("stars night", "stars star starry starlight stargazing milky_way constellation constellations"),
    **_all("meteor stars night", "meteor comet shooting_star shooting_stars falling_star meteors"),
    **_all("aurora night", "aurora northern_lights borealis aurora_borealis polar_lights"),
    **_all("clouds", "cloud clouds cloudy overcast cumulus"),
    **_all("rainbow", "rainbow"),
    **_all("birds", "birds bird gulls seagull seagulls swallows geese flock"),
    **_all("balloon", "balloon balloons hot_air_balloon hot_air_balloons"),
    # on the ground and the water
    **_all("lighthouse", "lighthouse beacon"),
    **_all("house", "house cottage cabin hut home farmhouse barn chalet"),
    **_all("tree", "tree oak apple_tree"),
    **_all("tree", "trees"),
    **_all("blossom tree", "cherry_blossom cherry_blossoms sakura cherry_tree"),
    **_all("boat", "boat boats sailboat sailboats ship ships sailing sail yacht sails"),
    **_all("fire", "campfire bonfire"),
    **_all("fire embers", "fire flames flame"),
    **_all("flowers", "flower flowers wildflowers poppies poppy tulips daisies blossom blossoms lavender_field"),
    **_all("bloom", "dahlia peony chrysanthemum rose roses petal petals bouquet lotus bloom blooming"),
    # time, season, weather
    **_all("dawn", "dawn sunrise daybreak morning early"),
    **_all("day", "day noon midday daytime afternoon daylight"),
    **_all("sunset sun", "sunset sundown golden_hour evening_sun"),
    **_all("dusk", "dusk twilight evening nightfall blue_hour gloaming"),
    **_all("night", "night midnight nighttime nocturnal dark darkness"),
    **_all("spring", "spring april springtime"),
    **_all("summer", "summer june july august summertime"),
    **_all("autumn", "autumn autumnal october november harvest fall foliage"),
    **_all("winter snow", "winter winters wintry snow snowy snowfall snowing snowflakes blizzard december january"),
    **_all("winter", "ice icy frost frozen frosty glacier arctic polar cold"),
    **_all("rain", "rain rainy raining drizzle rainfall downpour shower"),
    **_all("storm rain", "storm stormy tempest"),
    **_all("lightning storm rain", "lightning thunder thunderstorm"),
    **_all("sky", "sky skies heaven horizon"),
    **_all("fog", "fog foggy mist misty haze hazy"),
    **_all("wind", "wind windy breeze"),
    **_all("calm", "calm quiet still peaceful serene silent tranquil gentle lonely solitude"),
    **_all("clear", "clear cloudless"),
    # styles of pictures
    **_all("orbits", "planet planets orbit orbits space saturn cosmos galaxy universe jupiter cosmic outer_space"),
    **_all("orbits", "planet_with_rings ringed ringed_planet rings_of_saturn"),
    **_all("silk", "silk fabric satin smoke liquid velvet drapery"),
    **_all("flow_field", "lines flow currents current motion music ribbons"),
    **_all("mosaic", "mosaic glass stained_glass stained voronoi cells tiles cathedral"),
    **_all("papercut", "paper papercut paper_cut layers canyon cave topography"),
    **_all("watercolor", "watercolor watercolour wash watercolors watercolours aquarelle"),
    **_all("abstract", "abstract abstraction pattern"),
    # colours
    **_all("#ember", "red crimson scarlet"),
    **_all("#autumn", "orange amber copper brown"),
    **_all("#gold", "gold golden yellow"),
    **_all("#forest", "green"),
    **_all("#northern", "emerald turquoise teal mint cyan"),
    **_all("#ocean", "blue azure navy indigo"),
    **_all("#lavender", "purple violet lavender lilac magenta"),
    **_all("#rose", "pink blush"),
    **_all("#candy", "pastel candy colourful colorful"),
    **_all("#neon", "neon cyberpunk synthwave electric"),
    **_all("#retro", "retro vintage bauhaus"),
    **_all("#ink", "black white grey gray monochrome silver noir"),
}

PHRASES = frozenset(word for word in MEANINGS if " " in word)

FILLERS = frozenset(
    re.findall(
        r"\S+",
        """a an the this that these those some any my your our his her its their of in on at by to from for with without
        over under above below near beside behind before after across along through into onto between among around
        against and or but as is are was were be it there where while very so just one two three big small large little
        tiny huge great old new young beautiful pretty lovely nice stunning amazing epic wonderful gorgeous magnificent
        picture image photo photograph photography painting art artwork illustration drawing render wallpaper background
        view scene style styled digital cinematic realistic photorealistic detailed highly ultra hd 4k 8k masterpiece
        high quality best generate make draw paint show create please distant far close up""",
    )
)
"""Words that name nothing to be seen: they are neither drawn nor set."""

ARTICLES = frozenset({"a", "an", "the", "my", "our", "your", "his", "her", "their", "two", "three"})

TIMES = ("dawn", "day", "sunset", "dusk", "night")
MANNERS = frozenset({"orbits", "silk", "flow_field", "mosaic", "papercut", "watercolor", "bloom", "abstract"})
"""Styles that words name; all other features are things that a scene shows."""
MOODS = frozenset({"calm", "clear", "wind"})
"""What alone makes no scene."""
MEDIA = ("mosaic", "watercolor")
"""Styles that a scene can be made in."""
TINTED = {
    **{name: name for name in ("moon", "boat", "house", "lighthouse", "flowers", "tree", "balloon")},
    **dict.fromkeys(("hills", "meadow", "forest", "mountains", "desert", "autumn"), "land"),
    **dict.fromkeys(("sea", "lake", "river"), "water"),
    **dict.fromkeys(("sun", "sunset", "dawn", "dusk", "sky", "clouds", "night", "day", "fog"), "sky"),
    "crescent": "moon",
    "houses": "house",
    "aurora": "aurora",
}
"""Features that take the colour named right before them, and what of the scene that colours."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt asks for."""

    features: frozenset[str] = frozenset()
    tints: dict[str, str] = field(default_factory=dict)
    """Of single things, or of land, water or sky: the palette their colour comes from."""
    palette: str | None = None
    """The palette of a colour that belongs to everything."""
    drawn: tuple[str, ...] = ()
    """The words that were understood, in their order."""
    unknown: tuple[tuple[str, ...], ...] = ()
    """Runs of words that nothing can be drawn for, with what stands between them: phrases to set."""
    unknown_words: tuple[str, ...] = ()

    def has(self, *names: str) -> bool:
        """Return whether any of the features is asked for."""
        return not self.features.isdisjoint(names)


def read(prompt: str, draws: Callable[[str, Meaning], bool] = lambda _, __: True) -> Reading:
    """Read a prompt. What it asks for depends on its words and their order, not on grammar.

    ``draws`` says of a word and its meaning whether the picture to be made shows it; what it does not is unknown.
    """
    tokens = [
        (word, meaning if meaning and draws(word.lower(), meaning) else None) for word, meaning in phrased(prompt)
    ]
    features: list[str] = []
    tints: dict[str, str] = {}
    palette, waiting = None, None
    for word, meaning in tokens:
        if meaning is None:
            if word.lower() not in FILLERS:  # it is the colour of something that is not drawn, so of everything
                palette, waiting = palette or waiting, None
            continue
        colours = [feature[1:] for feature in meaning if feature.startswith("#")]
        things = [feature for feature in meaning if not feature.startswith("#")]
        if waiting and things:
            tinted = [TINTED[thing] for thing in things if thing in TINTED]
            tints |= dict.fromkeys(tinted[:1], waiting)
            palette = palette if tinted else palette or waiting
            waiting = None
        if colours:
            palette = palette or waiting
            waiting = colours[0]
        features += things
    palette = palette or waiting
    if {"boat", "lighthouse", "harbour"}.intersection(features) and not {"lake", "river"}.intersection(features):
        features.append("sea")
    drawn = tuple(dict.fromkeys(word.lower() for word, meaning in tokens if meaning))
    unknown = [word for word, meaning in tokens if meaning is None and word.lower() not in FILLERS]
    return Reading(
        frozenset(features), tints, palette, drawn, tuple(_runs(tokens)), tuple(dict.fromkeys(map(str.lower, unknown)))
    )


def phrased(prompt: str) -> list[tuple[str, Meaning | None]]:
    """Pair a prompt's words, and phrases of several, with what they mean; None: nothing that can be drawn."""
    words = [match.group() for match in WORD.finditer(prompt)]
    found: list[tuple[str, Meaning | None]] = []
    at = 0
    while at < len(words):
        length = next((n for n in (3, 2) if " ".join(words[at : at + n]).lower() in PHRASES), 1)
        text = " ".join(words[at : at + length])
        found.append((text, MEANINGS.get(text.lower())))
        at += length
    return found


def _runs(tokens: Iterable[tuple[str, Meaning | None]]) -> list[tuple[str, ...]]:
    """Return the runs of unknown words with the fillers between them; an article before the first one stays, and what
    stands between the two."""
    runs: list[tuple[str, ...]] = []
    run: list[str] = []
    for word, meaning in [*tokens, ("", ("end",))]:
        if meaning is None:
            run.append(word)
            continue
        while run and run[-1].lower() in FILLERS:
            run.pop()
        start = next((at for at, one in enumerate(run) if one.lower() not in FILLERS), len(run))
        articles = [at for at in range(start) if run[at].lower() in ARTICLES]
        if run[start:]:
            runs.append(tuple(run[articles[-1] if articles else start :]))
        run = []
    return runs
