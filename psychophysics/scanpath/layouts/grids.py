"""Patches of a grid as objects, where the data have none."""

from __future__ import annotations

from dataclasses import replace

from cogattn.vision.scenes.scene import Scene, SceneObject


def patched(scene: Scene, grid: tuple[int, int]) -> Scene:
    """Return a scene whose objects are the cells of a grid over its image.

    Parameters
    ----------
    scene : Scene
        Its own objects are dropped.
    grid : tuple of int
        Rows and columns.

    Returns
    -------
    Scene
        Objects "r0c0", "r0c1", ... row by row; their boxes cover the image without a gap or an overlap.
    """
    return replace(scene, objects=patches(scene.size_px, grid))


def patches(size_px: tuple[int, int], grid: tuple[int, int]) -> tuple[SceneObject, ...]:
    """Return the cells of a grid over an image of (height, width), row by row."""
    (height, width), (n_rows, n_columns) = size_px, grid
    return tuple(
        SceneObject(
            f"r{row}c{column}",
            (
                width * column / n_columns,
                height * row / n_rows,
                width * (column + 1) / n_columns,
                height * (row + 1) / n_rows,
            ),
        )
        for row in range(n_rows)
        for column in range(n_columns)
    )
