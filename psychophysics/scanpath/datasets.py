"""The data sets that the scanpath study knows beside those of the search study; all come by hand."""

from cogattn.fetch import DataSet
from cogattn.vision.scenes.sets import Scenes

AMAZON = Scenes(
    name="amazon-covers",
    about="100 collages of 84 covers of books in which 6 people looked for one of 5, without the images (scenes.path)",
    licence="CC BY-NC-SA 4.0",
    source="github.com/DFKI-Interactive-Machine-Learning/STI-Dataset, commit 60d2747, folder AmazonCovers; Stauden, "
    "Barz, Sonntag (2018), KI 2018; gaze from Sattar et al. (2015), CVPR",
    instructions="git clone github.com/DFKI-Interactive-Machine-Learning/STI-Dataset, git checkout 60d2747, and take "
    "its folder AmazonCovers; the images come from the address in its README and belong into the folder images; "
    "without them models do without what covers look like",
    pattern=r"Amazon\.json",
    n_files=1,
    names_sha256="49d2dc07acd9eff540ded01867adfbcbc4139f5fd7cb0eed6c717edb10ffa8fd",
    layout="amazon_covers",
    people="6 people, 600 scanpaths, 8,683 fixations without durations",
)
OSIE = Scenes(
    name="osie",
    about="700 photographs that 15 people looked at freely for 3 seconds (scenes.path)",
    licence="MIT",
    source="github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, commit 4a46789; Xu et al. (2014), Journal of "
    "Vision 14(1), 28",
    instructions="git clone github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, git checkout 4a46789, and lay into "
    "one folder data/eye/fixations.mat, data/stimuli as stimuli, and data/attrs.mat, whose masks are the objects "
    "(without it the patches of a grid are)",
    pattern=r"fixations\.mat|1\d{3}\.jpe?g",
    n_files=701,
    names_sha256="1b720f287b93b72f2e86be7a2c827c9fb1d61bc0914fa5d9e8c8499de4072049",
    layout="osie",
    people="15 people, 10,500 scanpaths, 98,321 fixations with durations",
)

DATASETS: tuple[DataSet, ...] = (AMAZON, OSIE)
