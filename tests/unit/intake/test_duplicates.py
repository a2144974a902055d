from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageEnhance

from fakescan.core.duplicates import MAX_DISTANCE_BITS
from fakescan.intake.duplicates import phash_of
from tests.support.pictures import png


def picture(seed: int) -> Image.Image:
    return Image.open(BytesIO(png(seed))).convert("RGB")


def compressed(image: Image.Image, quality: int) -> Image.Image:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def distance(one: Image.Image, other: Image.Image) -> int:
    first, second = phash_of(one), phash_of(other)
    assert first is not None
    assert second is not None
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_copies_that_look_alike_have_nearly_the_same_hash() -> None:
    for seed in range(10):
        image = picture(seed)
        copies = [
            compressed(image, 30),
            image.resize((image.width // 2, image.height // 2)),
            image.resize((900, 700)),
            image.convert("L").convert("RGB"),
            ImageEnhance.Brightness(image).enhance(0.9),
        ]
        assert max(distance(image, copy) for copy in copies) <= MAX_DISTANCE_BITS


def test_other_pictures_have_other_hashes() -> None:
    images = [picture(seed) for seed in range(20)]
    pairs = [distance(one, other) for place, one in enumerate(images) for other in images[:place]]
    assert sorted(pairs)[len(pairs) // 2] > 2 * MAX_DISTANCE_BITS
    turned = images[0].transpose(Image.Transpose.ROTATE_180)
    assert distance(images[0], turned) > MAX_DISTANCE_BITS


def test_a_plain_picture_has_none() -> None:
    assert phash_of(Image.new("RGB", (300, 200), "navy")) is None
    assert phash_of(Image.new("RGB", (1, 1))) is None
