"""Hidden parts: the right place in every view, gone beyond recognition, and nothing else touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from fakescan.checks.hiding import Frame, by_lot, merged
from fakescan.core.checked import Region
from fakescan.core.views import View, Views
from fakescan.intake.decode import DecodedImage
from tests.support.looking import PLANTED, checkerboard, decoded

VIEWS = Views(("square", "native", "pad"), 100, (0, 0, 0))


def frame(image: Image.Image, views: Views | None) -> Frame:
    whole = decoded(image)
    return Frame(whole if views is None else whole.seen_through(views), image.size)


def spread(image: Image.Image) -> float:
    return float(ImageStat.Stat(image.convert("L")).stddev[0])


def view_in(image: DecodedImage, number: int) -> Image.Image:
    return image.image.crop((0, 100 * number, 100, 100 * (number + 1)))


def test_a_hidden_part_is_gone_and_the_rest_is_as_it_was() -> None:
    own = frame(checkerboard(), None)
    [cell] = [cell for cell in own.cells() if cell.left == pytest.approx(0.6) and cell.top == pytest.approx(0.2)]
    hidden = own.without([cell]).image
    assert spread(checkerboard()) > 20
    assert spread(hidden) < 5
    changed = ImageChops.difference(hidden, checkerboard()).getbbox()
    assert changed is not None
    assert changed[0] >= 270  # the cell is 300 to 400 by 100 to 200, with soft edges
    assert changed[1] >= 70
    assert changed[2] <= 430
    assert changed[3] <= 230
    assert own.image.image.tobytes() == checkerboard().tobytes()


def test_a_part_is_hidden_in_every_view_that_shows_it() -> None:
    # In the middle, where the native view looks as well.
    middle = Region(0.4, 0.4, 0.2, 0.2)
    own = frame(checkerboard(middle), VIEWS)
    hidden = own.without([middle])
    for number in range(3):
        assert spread(view_in(own.image, number)) > 15
        assert spread(view_in(hidden, number)) < spread(view_in(own.image, number)) / 3


def test_a_part_that_a_view_does_not_show_leaves_it_alone() -> None:
    own = frame(checkerboard(), VIEWS)  # the native view shows 200 to 300 of 500
    hidden = own.without([PLANTED])
    assert view_in(hidden, 1).tobytes() == view_in(own.image, 1).tobytes()
    assert view_in(hidden, 0).tobytes() != view_in(own.image, 0).tobytes()


@pytest.mark.parametrize(("view", "size"), [("square", (300, 100)), ("square", (100, 300)), ("pad", (300, 100))])
def test_the_grid_lies_over_what_the_model_sees_at_a_glance(view: View, size: tuple[int, int]) -> None:
    own = frame(Image.new("RGB", size), Views((view,), 50, (0, 0, 0)))
    cells = own.cells()
    assert len(cells) == 25
    width = sum(cell.width for cell in cells[:5])
    height = sum(cell.height for cell in cells[::5])
    assert (width * size[0], height * size[1]) == pytest.approx((100, 100) if view == "square" else size)
    assert min(cell.left for cell in cells) == pytest.approx((1 - width) / 2)


def test_coordinates_of_a_wide_picture_are_those_of_the_picture() -> None:
    image = Image.new("RGB", (400, 100), (128, 128, 128))
    image.paste(checkerboard(Region(0, 0, 1, 1), size_px=20), (150, 0))
    own = frame(image, Views(("square",), 100, (0, 0, 0)))
    first = own.cells()[0]
    assert (first.left * 400, first.top * 100) == pytest.approx((150, 0))
    assert spread(own.without([first]).image) < spread(own.image.image) / 3


def test_neighbours_become_one_box_only_where_they_are_a_rectangle() -> None:
    cells = frame(Image.new("RGB", (50, 50)), None).cells()
    assert len(merged([cells[0], cells[1]])) == 1
    assert len(merged([cells[0], cells[5], cells[10]])) == 1
    assert len(merged([cells[0], cells[1], cells[5]])) == 2
    assert len(merged([cells[0], cells[6]])) == 2


@given(st.sets(st.integers(0, 24), max_size=12))
def test_merging_keeps_the_area(chosen: set[int]) -> None:
    cells = frame(Image.new("RGB", (50, 50)), None).cells()
    boxes = merged([cells[number] for number in sorted(chosen)])
    assert sum(box.width * box.height for box in boxes) == pytest.approx(len(chosen) / 25)


def test_a_draw_is_the_same_every_time_and_takes_others() -> None:
    cells = frame(Image.new("RGB", (50, 50)), None).cells()
    drawn = by_lot(cells, cells[:3], "one")
    assert drawn == by_lot(cells, cells[:3], "one")
    assert len(drawn) == 3
    assert not set(drawn) & set(cells[:3])
    assert {tuple(by_lot(cells, cells[:3], str(number))) for number in range(5)} != {tuple(drawn)}
    assert len(by_lot(cells, cells[:20], "one")) == 5


def test_a_speck_hides_nothing_and_breaks_nothing() -> None:
    own = frame(checkerboard(), VIEWS)
    assert own.without([Region(0.3, 0.3, 0.0001, 0.0001)]).image.tobytes() == own.image.image.tobytes()
    assert own.without([]).image.tobytes() == own.image.image.tobytes()
    tiny = frame(Image.new("RGB", (1, 1)), VIEWS)
    assert len(tiny.without(tiny.cells()).image.tobytes()) == len(tiny.image.image.tobytes())
