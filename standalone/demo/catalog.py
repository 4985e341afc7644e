"""The demo shops' catalogs: what the .toml files beside this module say, as values. Amounts are decimal texts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import product as combinations
from tomllib import loads
from typing import Any

from standalone.demo.look import Look
from standalone.demo.pictures import STUDIOS, Picture, Thing

SHOP_NAMES = ("kiln", "leaf", "ridge")


@dataclass(frozen=True, slots=True)
class Variant:
    """`quantity` is None when stock is not tracked."""

    options: tuple[str, ...]
    price: str
    compare_at: str | None
    sku: str
    grams: int
    quantity: int | None
    may_oversell: bool
    requires_shipping: bool


@dataclass(frozen=True, slots=True)
class Product:
    handle: str
    title: str
    vendor: str
    kind: str
    tags: tuple[str, ...]
    body_html: str
    option_names: tuple[str, ...]
    variants: tuple[Variant, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """`rules` make it a smart collection; otherwise `products` are its handles in order."""

    handle: str
    title: str
    body_html: str
    sort_order: str
    picture: Picture
    products: tuple[str, ...] = ()
    rules: tuple[Mapping[str, str], ...] = ()
    is_disjunctive: bool = False


@dataclass(frozen=True, slots=True)
class StaticPage:
    handle: str
    title: str
    body_html: str


@dataclass(frozen=True, slots=True)
class Shop:
    """`images` are pictures for theme settings, by the setting's name."""

    subdomain: str
    name: str
    currency: str
    locale: str
    email: str
    description: str
    settings: Mapping[str, Any]
    navigation: Mapping[str, Any]
    images: Mapping[str, Picture]
    products: tuple[Product, ...]
    collections: tuple[Collection, ...]
    pages: tuple[StaticPage, ...]

    def svg(self, picture: Picture) -> str:
        return STUDIOS[self.subdomain].svg(picture)


def load_shop(name: str) -> Shop:
    raw = loads(files("standalone.demo").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    palette: dict[str, str] = raw["palette"]
    return Shop(
        subdomain=name,
        **raw["shop"],
        settings=raw["settings"],
        navigation=raw["navigation"],
        images={setting: _scene(each, palette) for setting, each in raw["images"].items()},
        products=tuple(_product(each, palette, name) for each in raw["products"]),
        collections=tuple(_collection(each, palette) for each in raw["collections"]),
        pages=tuple(StaticPage(each["handle"], each["title"], each["body_html"].strip()) for each in raw["pages"]),
    )


def paragraphs(text: str) -> str:
    """Plain text with an empty line between paragraphs, as HTML."""
    return "".join(f"<p>{escape(' '.join(part.split()), quote=False)}</p>" for part in text.strip().split("\n\n"))


def _product(raw: dict[str, Any], palette: Mapping[str, str], shop: str) -> Product:
    options: dict[str, list[str]] = raw.get("options", {})
    details = "".join(f"<li>{escape(line, quote=False)}</li>" for line in raw["details"])
    return Product(
        handle=raw["handle"],
        title=raw["title"],
        vendor=raw["vendor"],
        kind=raw["type"],
        tags=tuple(raw["tags"]),
        body_html=f"{paragraphs(raw['text'])}<h3>{raw.get('details_title', 'Details')}</h3><ul>{details}</ul>",
        option_names=tuple(options),
        variants=tuple(_variants(raw, options, shop)),
        pictures=tuple(_pictures(raw, options, palette)),
    )


def _variants(raw: dict[str, Any], options: dict[str, list[str]], shop: str) -> Iterable[Variant]:
    for number, chosen in enumerate(combinations(*options.values()), 1):
        title = " / ".join(chosen)
        untracked = raw.get("untracked", False)
        yield Variant(
            options=chosen,
            price=_by_value(raw.get("prices", {}), chosen, raw["price"]),
            compare_at=_by_value(raw.get("compare_ats", {}), chosen, raw.get("compare_at")),
            sku=f"{shop[:2].upper()}-{raw['handle'].replace('-', '')[:10].upper()}-{number:02d}",
            grams=_by_value(raw.get("weights", {}), chosen, raw.get("grams", 0)),
            quantity=None if untracked else raw.get("stocks", {}).get(title, raw.get("stock", 24 + 7 * number % 19)),
            may_oversell=raw.get("continue", False),
            requires_shipping=raw.get("ships", True),
        )


def _by_value(table: Mapping[str, Any], chosen: tuple[str, ...], default: Any) -> Any:
    """The entry for one of the chosen option values, or for all of them joined by " / "."""
    named = (" / ".join(chosen), *chosen)
    return next((table[name] for name in named if name in table), default)


def _pictures(raw: dict[str, Any], options: dict[str, list[str]], palette: Mapping[str, str]) -> Iterable[Picture]:
    """A picture with `each` becomes one for every value of that option, in the colour called like it."""
    tints = [name for name in palette if name.startswith("tint_")]
    for position, picture in enumerate(raw["pictures"]):
        if "each" not in picture:
            yield _picture(picture, palette)
            continue
        start = sum(map(ord, raw["handle"])) + position
        for number, value in enumerate(options[picture["each"]]):
            tint = picture.get("tint", tints[(start + number) % len(tints)])
            colored = {**picture, "color": value.lower().replace(" ", "_"), "tint": tint}
            colored["alt"] = f"{picture['alt']}, {value.lower()}"
            yield _picture(colored, palette, shows=value)


def _look(raw: Mapping[str, Any], palette: Mapping[str, str], tint: str) -> Look:
    def color(name: str, default: str) -> str:
        return palette[raw.get(name, default)]

    default = next(iter(palette))
    return Look(
        color=color("color", default),
        second=color("second", default),
        third=color("third", default),
        tint=palette[tint],
        form=raw.get("form", ""),
        word=raw.get("word", ""),
        seed=len(str(raw)),
    )


def _picture(raw: Mapping[str, Any], palette: Mapping[str, str], shows: str = "") -> Picture:
    thing = Thing(
        raw["draw"],
        _look(raw, palette, raw["tint"]),
        scale=raw.get("zoom", 1.0),
        x=raw.get("x", 600),
        y=raw.get("y"),
    )
    return Picture(tint=palette[raw["tint"]], things=(thing,), alt=raw["alt"], shows=shows)


def _scene(raw: Mapping[str, Any], palette: Mapping[str, str]) -> Picture:
    things = tuple(
        Thing(each["draw"], _look(each, palette, raw["tint"]), each["x"], each["y"], each["scale"])
        for each in raw["things"]
    )
    return Picture(palette[raw["tint"]], things, raw["alt"], raw.get("width", 1600), raw.get("height", 900))


def _collection(raw: Mapping[str, Any], palette: Mapping[str, str]) -> Collection:
    return Collection(
        handle=raw["handle"],
        title=raw["title"],
        body_html=paragraphs(raw["text"]),
        sort_order=raw.get("sort_order", "manual"),
        picture=_scene(raw["picture"], palette),
        products=tuple(raw.get("products", ())),
        rules=tuple(raw.get("rules", ())),
        is_disjunctive=raw.get("any_rule", False),
    )
