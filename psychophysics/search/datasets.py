"""The data sets that the search study knows, for ``cogattn data list``: one ships, sets of scenes come by hand."""

from cogattn.fetch import DataSet, Packaged
from cogattn.vision.scenes.sets import Scenes

SIBS = Scenes(
    name="sibs",
    about="134 grey photographs of rooms in which 57 people looked for a piece of the picture (scenes.path)",
    licence="MIT",
    source="github.com/NeuroLIAA/sibs, commit ede770e; Bujia et al. (2022), Front. Syst. Neurosci. 16, 882315",
    instructions="git clone github.com/NeuroLIAA/sibs, git checkout ede770e, and lay into one folder its file "
    "info_all_subj.mat, the photographs as images and the targets as templates",
    pattern=r"info_all_subj\.mat|grayscale_\d+_[a-z]+(_template_\d)?\.jpe?g",
    n_files=269,
    names_sha256="140415e04d3f1c1c9584c748db59194cbe92c09d718e8bffce8d9b0800f59291",
    layout="sibs",
    people="57 people, 7,455 searches; the search was broken off after 2, 4, 8 or 12 saccades",
)

DATASETS: tuple[DataSet, ...] = (
    Packaged(
        name="wolfe2010",
        about="28 persons in three search tasks: slopes and errors with and without a target",
        licence="facts, derived; the trials are CC BY-NC 4.0",
        source="Wolfe, Palmer, Horowitz (2010), Vision Research 50; github.com/yxlin/HBM-Approach-Visual-Search, "
        "commit 9f96b3a",
        package="cogattn.psychophysics.search",
        resource="data/wolfe2010_slopes.csv",
    ),
    SIBS,
    Scenes(
        name="visions",
        about="natural search in one JSON form: Interiors, Unrestricted, MCS and COCO-Search18 (scenes.path)",
        licence="MIT; images under their own terms",
        source="github.com/NeuroLIAA/visions; Travi et al. (2022), NeurIPS 35, Datasets and Benchmarks",
        instructions="git clone github.com/NeuroLIAA/visions, and take one folder of Datasets",
        pattern=r"trials_properties\.json|subj\w+_scanpaths\.json",
        n_files=2,
        layout="visions",
        people="10 to 57 people a set",
    ),
    Scenes(
        name="coco-search18",
        about="6,202 photographs in which 10 people looked for one of 18 categories, there or not (scenes.path)",
        licence="see the source; photographs: COCO terms",
        source="sites.google.com/view/cocosearch; Chen et al. (2021), Scientific Reports 11, 8776",
        instructions="download fixations (JSON) and resized images (1,680 x 1,050), and lay the images into a folder "
        "images beside the JSON files",
        pattern=r"coco_search18\w*\.json",
        n_files=1,
        layout="coco_search18",
        people="10 people",
    ),
    Scenes(
        name="vsa-natural",
        about="eccNET's natural sets, with people's fixations: NaturalDesign, Waldo, arrays of objects (scenes.path)",
        licence="none stated",
        source="github.com/kreimanlab/VisualSearchAsymmetry, folder vs_saccade_exp; Gupta et al. (2021), NeurIPS 34; "
        "Zhang et al. (2018), Nature Communications 9, 3730",
        instructions="run prepDirectoryAdditionalExp.sh of that repository, folder vs_saccade_exp",
        pattern=r"s_\d+\.jpe?g",
        n_files=67,
        layout="vsa",
        people="15 people a set",
    ),
)
