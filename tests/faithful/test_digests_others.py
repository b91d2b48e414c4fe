"""SciPy's sparse arrays, Pillow's images, PyTorch's tensors: digests, and back again."""

from __future__ import annotations

from typing import Any

import pytest

from .pairs import assert_all_differ
from .storing import there_and_back

np = pytest.importorskip("numpy")

FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "F", "I", "I;16", "CMYK")


def sparse(layout: str, seed: int = 1) -> Any:
    module = pytest.importorskip("scipy.sparse")
    return module.random_array((5, 5), density=0.5, format=layout, rng=seed)


@pytest.mark.parametrize("layout", FORMATS)
def test_sparse_arrays_come_back_and_are_known(layout: str, digest: Any) -> None:
    value = sparse(layout)
    restored = there_and_back(value)
    assert type(restored) is type(value)
    assert (restored.toarray() == value.toarray()).all()
    assert digest(restored) == digest(value) == digest(value.copy())


def test_the_width_of_sparse_indices_does_not_count(digest: Any) -> None:
    wide = sparse("csr")
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    assert digest(wide) == digest(sparse("csr"))


def test_different_sparse_arrays(digest: Any) -> None:
    module = pytest.importorskip("scipy.sparse")
    larger = sparse("csr").copy()
    larger.resize((5, 6))
    matrix = module.csr_matrix(sparse("csr"))
    values = [
        *(sparse(layout) for layout in FORMATS),
        sparse("csr", 2),
        sparse("csr").astype("f4"),
        larger,
        matrix,
    ]
    assert_all_differ(values, digest)


def image(mode: str) -> Any:
    module = pytest.importorskip("PIL.Image")
    made = module.new(mode, (5, 3))
    made.putpixel((1, 2), 1 if len(made.getbands()) == 1 else tuple(range(1, len(made.getbands()) + 1)))
    return made


@pytest.mark.parametrize("mode", MODES)
def test_images_come_back_and_are_known(mode: str, digest: Any) -> None:
    value = image(mode)
    value.info["dpi"] = (72, 72)
    restored = there_and_back(value)
    assert type(restored) is type(value)
    assert restored == value
    assert restored.info == value.info
    assert digest(restored) == digest(value) == digest(value.copy())
    restored.putpixel((0, 0), restored.getpixel((1, 2)))
    assert digest(restored) != digest(value)


def test_the_palette_of_an_image_comes_back(digest: Any) -> None:
    value = image("P")
    plain = digest(value)
    value.putpalette([1, 2, 3] * 4)
    assert there_and_back(value).getpalette() == value.getpalette()
    assert digest(value) != plain


def test_different_images(digest: Any) -> None:
    named = image("L")
    named.info["dpi"] = 72
    values = [*(image(mode) for mode in MODES), named, image("L").resize((3, 5)), image("L").rotate(180)]
    assert_all_differ(values, digest)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed", exc_type=ImportError)


def test_tensors_come_back_and_are_known(torch: Any, digest: Any) -> None:
    grid = torch.arange(24.0).reshape(2, 3, 4)
    assert digest(grid.permute(2, 1, 0)) == digest(grid.permute(2, 1, 0).contiguous())
    layer = torch.nn.Linear(2, 2)
    for value in (
        grid,
        grid.permute(2, 1, 0),
        grid.bfloat16(),
        grid.to_sparse(),
        torch.tensor(1),
        layer,
        layer.weight,
    ):
        assert digest(there_and_back(value)) == digest(value)


def test_different_tensors(torch: Any, digest: Any) -> None:
    ones = torch.ones(4)
    values = [ones, ones.double(), ones.reshape(2, 2), ones.bfloat16(), ones.bool(), torch.nn.Parameter(ones)]
    values += [
        torch.ones(4, requires_grad=True),
        torch.zeros(4),
        torch.Size([4]),
        (4,),
        torch.float32,
        torch.float64,
    ]
    assert_all_differ(values, digest)
