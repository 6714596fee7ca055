"""Which data a recipe's [train] trains on, and which it holds out: what [quantize] and [verify] take by default."""

from __future__ import annotations

from edgecnn.recipe.section import Recipe


def training_data(recipe: Recipe) -> str | None:
    """DATA that is trained on; None without a [train]."""
    keys = recipe.keys_of("train")
    if not keys:
        return None
    return str(keys["data"]) if "validation" in keys else f"training{_share(keys)}:{keys['data']}"


def held_out_data(recipe: Recipe) -> str | None:
    """DATA that is not: the test images, or else those that validate; None without a [train]."""
    keys = recipe.keys_of("train")
    if not keys:
        return None
    given = keys.get("test") or keys.get("validation")
    return str(given) if given else f"held-out{_share(keys)}:{keys['data']}"


def _share(keys: dict[str, object]) -> str:
    return f"/{keys['validation_share']}" if "validation_share" in keys else ""
