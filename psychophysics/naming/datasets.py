"""The data sets that the naming study knows, for ``cogattn data list``.

Neither may be passed on with cogattn, and no hash of the archives has been taken at the source, so they are put in
place by hand; a commit id then says which version, and the names of the files tell them from others.
"""

from cogattn.fetch import DataSet, Manual

MODEL_VS_HUMAN = Manual(
    name="model-vs-human",
    about="85,120 answers of 4-10 people a set to images of 17 sets (humans, observer.table)",
    licence="texture-shape sets CC BY 4.0; answers to ImageNet images: ImageNet terms",
    source="github.com/bethgelab/model-vs-human, commit 79ed7cd; Geirhos et al. (2018, 2019, 2021)",
    instructions="git clone github.com/bethgelab/model-vs-human, git checkout 79ed7cd, folder raw-data",
    pattern=r"[a-z-]+_subject-\d+_session_\d+\.csv",
    n_files=90,
    names_sha256="7e44ea7fefbe76e36819ff3c9d991e955979401b975bb4171cf06d7ca2085bd5",
)

CUE_CONFLICT = Manual(
    name="cue-conflict",
    about="1,280 images with the shape of one category and the texture of another (shown.path)",
    licence="CC BY 4.0",
    source="github.com/rgeirhos/texture-vs-shape, commit ccd0c01; Geirhos et al. (2019), ICLR",
    instructions="git clone github.com/rgeirhos/texture-vs-shape, git checkout ccd0c01, "
    "folder stimuli/style-transfer-preprocessed-512",
    pattern=r"[a-z]+\d+-[a-z]+\d+\.(png|jpe?g)",
    n_files=1_280,
    names_sha256="929a9213c0f3cd6597ab6a33e60ab37740287e966c199bd320c24fec3654eb2e",
)

DATASETS: tuple[DataSet, ...] = (MODEL_VS_HUMAN, CUE_CONFLICT)
