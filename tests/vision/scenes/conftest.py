"""Small sets of scenes in the layouts in which the published ones come, made up here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

HEIGHT, WIDTH = 60, 80
IMAGES = ("kitchen_1.jpg", "kitchen_2.jpg", "hall_1.jpg")
PEOPLE = ("AMB", "JLA", "VIT")
BOX = (50, 20, 62, 32)
"""Left, top, right, bottom of every target."""
SCREEN_CORNER = (128, 96)


def draw(path: Path, size: tuple[int, int] = (HEIGHT, WIDTH), *, seed: int = 0, grey: bool = True) -> Path:
    """A noisy image of (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if grey else (*size, 3)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def write_json(path: Path, content: object) -> Path:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A table whose columns are those of its rows, empty where a row has none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(columns), *(",".join(str(row.get(name, "")) for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def gaze(image: int, person: int, n: int = 4) -> np.ndarray:
    """Fixations (n, 2) of a person on an image: within it, the last one on the target."""
    rng = np.random.default_rng([image, person])
    points = np.round(rng.uniform((4, 4), (WIDTH - 4, HEIGHT - 4), (n, 2)), 1)
    points[-1] = (BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2
    return points


def write_table(folder: Path) -> Path:
    """Scenes with a target each (by picture and box, by box, by category, absent), people and objects."""
    for k, image in enumerate(IMAGES):
        draw(folder / "photographs" / image, seed=k)
    draw(folder / "targets" / "cup.png", (12, 12), seed=9)
    box = dict(zip(("left", "top", "right", "bottom"), BOX, strict=True))
    scenes = [
        {"image": f"photographs/{IMAGES[0]}", "target": "cup", "target_picture": "targets/cup.png", **box},
        {"image": f"photographs/{IMAGES[1]}", "target": "lamp", "category": "lamp", "present": "no"},
        {"image": f"photographs/{IMAGES[2]}", "target": "lamp", "category": "lamp", **box},
    ]
    for row in scenes:
        row.update({"pixels_per_degree": 10, "start_x": 40, "start_y": 30})
    write_csv(folder / "scenes.csv", scenes)
    write_csv(
        folder / "fixations.csv",
        [
            {
                "image": scenes[i]["image"], "person": person, "fixation": n, "x": x, "y": y,
                "onset_ms": 250 * n, "duration_ms": 200, "found": "yes" if i != 1 else "no",
            }
            for i in range(3)
            for p, person in enumerate(PEOPLE)
            for n, (x, y) in enumerate(gaze(i, p))
        ],
    )  # fmt: skip
    objects = [
        {"image": scenes[0]["image"], "object": "cup", "category": "cup", **box, "feature_0": 0.5},
        {
            "image": scenes[0]["image"],
            "object": "table",
            "category": "table",
            "polygon": "5 40; 75 40; 60 58",
        },
    ]
    write_csv(folder / "objects.csv", objects)
    return folder


def sibs_record(image: int, person: int, *, found: bool, old: np.ndarray | None = None) -> dict[str, object]:
    """One search as sibs holds it, with its faults: those of x and y where the target was not found."""
    measured = gaze(image, person) if old is None else old
    shown = measured
    if not found:
        shown = np.clip(measured + SCREEN_CORNER[::-1], 0, (WIDTH, HEIGHT))  # the corner's sides are swapped
    times = 1_000_000 + 250 * np.arange(len(measured))
    return {
        "subj": PEOPLE[person],
        "image_name": IMAGES[image],
        "target_name": IMAGES[image].replace(".jpg", "_template_1.jpg"),
        "image_size": np.array([[HEIGHT, WIDTH]]),
        "screen_size": np.array([[960, 1280]]),
        "target_rect": np.array([[side + 1 for side in BOX]]),
        "nsaccades_allowed": np.array([[8]]),
        "initial_position": np.array([[40 if person else 36, 30]]),
        "target_found": np.array([[int(found)]]),
        "x": shown[None, :, 0],
        "y": shown[None, :, 1],
        "t": times[None],
        "dur": np.full((1, len(measured)), 200),
        "old": {
            "x_sacc": measured[None, 1:, 0],
            "x": measured[None, :, 0],
            "y": measured[None, :, 1],
            "t": times[None],
            "dur": np.full((1, len(measured)), 200),
        },
    }


def save_sibs(folder: Path, records: Sequence[Mapping[str, object]]) -> Path:
    """The folder of such records."""
    for k, image in enumerate(IMAGES):
        draw(folder / "images" / image, seed=k)
        draw(folder / "templates" / image.replace(".jpg", "_template_1.jpg"), (12, 12), seed=10 + k)
    dtype = [(name, object) for name in records[0]]
    array = np.array([tuple(record.values()) for record in records], dtype=dtype)
    savemat(folder / "info_all_subj.mat", {"info_per_subj_final": array[None]})
    return folder


def write_sibs(folder: Path) -> Path:
    """Three photographs, three people; the third found no target."""
    return save_sibs(folder, [sibs_record(i, p, found=p != 2) for i in range(3) for p in range(3)])


def write_visions(folder: Path) -> Path:
    """Three photographs and three people, without faults."""
    info = {
        "dataset_name": "Made up",
        "images_dir": "images/",
        "targets_dir": "templates/",
        "scanpaths_dir": "human_scanpaths/",
    }
    write_json(folder / "dataset_info.json", info)
    left, top, right, bottom = BOX
    trials = []
    for k, image in enumerate(IMAGES):
        draw(folder / "images" / image, seed=k)
        draw(folder / "templates" / f"template_{image}", (bottom - top, right - left), seed=10 + k)
        trials.append(
            {
                "image": image, "target": f"template_{image}", "target_matched_row": top, "target_matched_column": left,
                "target_height": bottom - top, "target_width": right - left, "image_height": HEIGHT,
                "image_width": WIDTH, "initial_fixation_row": 30, "initial_fixation_column": 40,
                "target_object": "cup" if k else "TBD",
            }
        )  # fmt: skip
    write_json(folder / "trials_properties.json", trials)
    for p, person in enumerate(PEOPLE):
        paths = {image: visions_path(person, gaze(k, p)) for k, image in enumerate(IMAGES)}
        write_json(folder / "human_scanpaths" / f"subj{person}_scanpaths.json", paths)
    return folder


def visions_path(person: str, points: np.ndarray) -> dict[str, object]:
    """One scanpath of the form."""
    left, top, right, bottom = BOX
    return {
        "subject": person, "image_height": HEIGHT, "image_width": WIDTH, "screen_height": 1024, "screen_width": 1280,
        "target_found": True, "target_bbox": [top, left, bottom, right], "X": points[:, 0].tolist(),
        "Y": points[:, 1].tolist(), "T": [200] * len(points), "max_fixations": 9,
    }  # fmt: skip


def write_coco(folder: Path) -> Path:
    """Two images of the size that was shown; in the second the target is absent."""
    searches = []
    for k, (image, condition) in enumerate((("000000000001.jpg", "present"), ("000000000002.jpg", "absent"))):
        draw(folder / "images" / "cup" / image, (1050, 1680), seed=k)
        for person in (1, 2):
            points = 20 * gaze(k, person)
            searches.append(
                {
                    "name": image, "subject": person, "task": "cup", "condition": condition,
                    "bbox": [1000, 400, 240, 240] if condition == "present" else [], "X": points[:, 0].tolist(),
                    "Y": points[:, 1].tolist(), "T": [200] * len(points), "length": len(points), "correct": person % 2,
                }
            )  # fmt: skip
    write_json(folder / "coco_search18_fixations_split1.json", searches)
    return folder


def write_vsa(folder: Path, *, order: tuple[int, int] = (1, 0), name: str = "Waldo") -> Path:
    """Two images of 512 x 640, whose people's fixations are of a screen twice as large."""
    data = folder / "dataset" / name
    points = np.zeros((2 * 3, 6, 2))
    counts, found = np.zeros((6, 1), dtype=int), np.zeros((6, 6), dtype=int)
    for k in range(2):
        draw(data / "stimuli" / f"s_{k + 1}.jpg", (512, 640), seed=k, grey=False)
        draw(data / "target" / f"t_{k + 1}.jpg", (32, 32), seed=10 + k)
        place = np.zeros((512, 640), dtype=np.uint8)
        place[160:256, 400:496] = 255
        (data / "gt").mkdir(parents=True, exist_ok=True)
        Image.fromarray(place).save(data / "gt" / f"gt_{k + 1}.png")
        for p in range(3):
            path = 16 * gaze(k, p)
            row = p * 2 + k
            points[row, : len(path)] = path[:, list(order)]
            counts[row], found[row, len(path) - 1] = len(path), int(p != 2)
    for kind, array in {"fix/": points, "ifix/I_": counts, "cp/CP_": found}.items():
        file = folder / "out" / name / f"{kind}human_all.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, array)
    return folder


def write_osie(folder: Path, *, shown: int = 2, masks: bool = False) -> Path:
    """Two photographs of 800 x 600 made `shown` times smaller, and twelve people, the first of whom looked once."""
    images, n_people = ("1001.jpg", "1002.jpg"), 12
    fixations = np.empty((len(images), 1), dtype=object)
    for k, image in enumerate(images):
        draw(folder / "stimuli" / image, (600 // shown, 800 // shown), seed=k, grey=False)
        subjects = np.empty((n_people, 1), dtype=object)
        for person in range(n_people):
            n = 1 if person == 0 else 4
            points = 10 * gaze(k, person)[:n]
            subjects[person, 0] = {
                "fix_x": points[:, :1].T, "fix_y": points[:, 1:].T, "fix_duration": np.full((1, n), 180, np.uint16),
            }  # fmt: skip
        fixations[k, 0] = {"img": image, "subjects": subjects}
    savemat(folder / "fixations.mat", {"fixations": fixations})
    if masks:
        _write_masks(folder, images)
    return folder


MASK_PX = (200, 120, 320, 200)
"""Left, top, right and bottom of the first object, in pixels of what was shown."""


def _write_masks(folder: Path, images: Sequence[str]) -> None:
    """Each image with a box, a disc and an empty mask, of 800 x 600."""
    attrs = np.empty((len(images), 1), dtype=object)
    left, top, right, bottom = MASK_PX
    box, disc = np.zeros((600, 800), dtype=bool), np.zeros((600, 800), dtype=bool)
    box[top:bottom, left:right] = True
    box[5, 5] = True  # a speck, which is not the object
    y, x = np.mgrid[:600, :800] + 0.5
    disc[np.hypot(x - 600, y - 400) < 80] = True
    for k, image in enumerate(images):
        objs = np.empty((1, 3), dtype=object)
        for number, (mask, features) in enumerate(
            ((box, (1, 0)), (disc, (1, 1)), (np.zeros_like(box), (0, 0)))
        ):
            objs[0, number] = {"map": mask, "features": np.array([features])}
        attrs[k, 0] = {"img": image, "objs": objs}
    names = np.array([["face", "text"]], dtype=object)
    savemat(folder / "attrs.mat", {"attrs": attrs, "attrNames": names}, do_compression=True)


EYELINK_HEAD = "** CONVERTED FROM made.edf\n** DATE: Sat Nov 14 10:00:00 2020\n**\n"
SCREEN_PX = (768, 1024)


def asc_fixations(person: int, scene: int) -> np.ndarray:
    """Start, end, x and y of fixations, milliseconds from a trial's beginning; the scene comes on at 200."""
    rng = np.random.default_rng([7, person, scene])
    starts = np.array([100, 360, 620, 900])
    places = np.round(rng.uniform((10, 10), (1000, 750), (4, 2)), 1)
    return np.column_stack([starts, starts + np.array([199, 221, 239, 180]), places])


def asc_text(
    person: int,
    scenes: Sequence[str],
    *,
    samples: bool = True,
    eyes: str = "R",
    message: str = "TRIALID {name}",
) -> str:
    """A recording: 500 Hz, one trial a scene, begun before and ended after the recording of its samples."""
    side = {"L": "LEFT", "R": "RIGHT", "LR": "LEFT\tRIGHT"}[eyes]
    lines = [EYELINK_HEAD + "MSG\t999 DISPLAY_COORDS 0 0 1023 767"]
    for number, name in enumerate(scenes):
        begins = 10_000 * (number + 1)
        lines += [
            f"MSG\t{begins} {message.format(name=name)}",
            f"START\t{begins + 10} \t{side}\tSAMPLES\tEVENTS",
            "PRESCALER\t1",
            "VPRESCALER\t1",
            "PUPIL\tAREA",
            f"EVENTS\tGAZE\t{side}\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2",
            f"SAMPLES\tGAZE\t{side}\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2",
            f"MSG\t{begins + 200} SYNCTIME",
        ]
        fixations = asc_fixations(person, number)
        if samples:
            values = "500.0\t400.0\t1000.0\t" * len(eyes)
            lines += [f"{time}\t{values}..." for time in range(begins + 10, begins + 1200, 2)]
        for eye in eyes:
            lines += [f"SFIX {eye} {begins + fixations[0, 0]:.0f}"]
            for start, end, x, y in fixations if eye == eyes[-1] else fixations[:2]:
                lines.append(
                    f"EFIX {eye} {begins + start:.0f}\t{begins + end:.0f}\t{end - start + 2:.0f}\t{x}\t{y}\t1000"
                )
        lines += [
            f"MSG\t{begins + 1100} TRIAL_RESULT 0",
            f"EFIX {eyes[-1]} {begins + 1150}\t{begins + 1190}\t42\t3.0\t3.0\t1000",
            f"END\t{begins + 1200} \tSAMPLES\tEVENTS\tRES\t  45.00\t  45.00",
        ]
    return "\n".join(lines) + "\n"


def write_eyelink(folder: Path) -> Path:
    """Two scenes of items, one of them the target, and two people who saw them in another order."""
    items = [
        {
            "scene": scene, "object": f"item {k}", "x": 100 + 200 * k, "y": 300, "width": 80, "height": 60,
            "category": "red" if k % 2 else "green", "target": "yes" if k == 1 else "no", "layout": "row",
        }
        for scene in ("A1", "B2")
        for k in range(5)
    ]  # fmt: skip
    items.append({"scene": "B2", "object": "patch", "polygon": "600 500; 900 500; 750 700", "target": "no"})
    write_csv(folder / "items.csv", items)
    (folder / "p1.asc").write_text(asc_text(1, ("A1", "B2")))
    (folder / "p2.asc").write_text(asc_text(2, ("B2", "A1"), samples=False))
    return folder


@pytest.fixture
def files() -> SimpleNamespace:
    """What writes them."""
    names = (
        "draw", "write_json", "write_csv", "gaze", "write_table", "sibs_record", "save_sibs", "write_sibs",
        "write_visions", "visions_path", "write_coco", "write_vsa", "BOX", "IMAGES", "PEOPLE", "HEIGHT", "WIDTH",
        "write_osie", "MASK_PX", "write_eyelink", "asc_text", "asc_fixations", "SCREEN_PX",
    )  # fmt: skip
    return SimpleNamespace(**{name: globals()[name] for name in names})
