"""Pillow: images by mode, size, pixels, palette and what was read with them."""

from __future__ import annotations

from PIL import Image, ImagePalette

from hozon._hozon import PiecedBuffer, RawBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction

# Copies of pixels made on the way are about this large.
_PIECE_BYTES = 1 << 23


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of an image or a palette."""
    if issubclass(base, Image.Image):
        return _image_shape
    return _palette_shape if base is ImagePalette.ImagePalette else None


def _image_shape(image: Any) -> tuple[Any, ...]:
    image.load()
    info = {str(name): part for name, part in image.info.items()}
    palette = image.getpalette("RGBA") if image.mode in ("P", "PA") else None
    first_row = len(image.crop((0, 0, image.width, 1)).tobytes()) if image.width and image.height else 0
    pixels = PiecedBuffer(first_row * image.height, _rows(image, first_row)) if first_row else RawBuffer(b"")
    return ("PIL.Image", image.mode, list(image.size), pixels, palette, sorted(info.items()), image.format)


def _rows(image: Any, row_bytes: int) -> Iterator[bytes]:
    step = max(1, _PIECE_BYTES // row_bytes)
    for top in range(0, image.height, step):
        yield image.crop((0, top, image.width, min(top + step, image.height))).tobytes()


def _palette_shape(palette: Any) -> tuple[Any, ...]:
    return ("PIL.ImagePalette", palette.mode, bytes(palette.palette))


def reducer_for(cls: type) -> Reducer | None:
    """Returns what stores an image with everything that its digest sees; Pillow's own way drops some."""
    return _reduce_image if cls is Image.Image else None


def _reduce_image(image: Any) -> Any:
    from pickle import PickleBuffer

    image.load()
    palette = image.palette and (image.palette.mode, bytes(image.palette.palette))
    pixels = PickleBuffer(image.tobytes()) if image.width and image.height else None
    return restore_image, (image.mode, image.size, pixels, palette, image.info)


def restore_image(mode: str, size: tuple[int, int], pixels: Any, palette: Any, info: dict[Any, Any]) -> Any:
    """Makes the image that was reduced to these parts."""
    image: Any = Image.new(mode, size) if pixels is None else Image.frombytes(mode, size, bytes(pixels))
    if palette is not None:
        image.putpalette(palette[1], palette[0])
    image.info = info
    return image
