"""The data sets that the masking study knows, for ``cogattn data list``.

None of the images may be passed on with cogattn, and no hash of the archives has been taken at the source, so
they are put in place by hand; a commit id then says which version, and the names of the files tell them from
others.
"""

from cogattn.fetch import DataSet, Manual, Packaged

MODEL_VS_HUMAN = Manual(
    name="model-vs-human",
    about="85,120 answers of 4-10 people a set to images of 17 sets (shape_bias.humans)",
    licence="texture-shape sets CC BY 4.0; answers to ImageNet images: ImageNet terms",
    source="github.com/bethgelab/model-vs-human, commit 79ed7cd; Geirhos et al. (2018, 2019, 2021)",
    instructions="git clone github.com/bethgelab/model-vs-human, git checkout 79ed7cd, folder raw-data",
    pattern=r"[a-z-]+_subject-\d+_session_\d+\.csv",
    n_files=90,
    names_sha256="7e44ea7fefbe76e36819ff3c9d991e955979401b975bb4171cf06d7ca2085bd5",
)

DATASETS: tuple[DataSet, ...] = (
    Packaged(
        name="subramanian2023",
        about="14 people, 14,700 trials: correct answers by noise SD and band",
        licence="facts; none stated for the source",
        source="github.com/ajaysub110/critical-band-masking, commit 7e9c8e2",
        package="cogattn.psychophysics.masking",
        resource="data/human_counts.csv",
    ),
    Packaged(
        name="subramanian2023-networks",
        about="85 networks, 89,250 trials: correct answers by noise SD and band",
        licence="facts; none stated for the source",
        source="github.com/ajaysub110/critical-band-masking, commit a2b3d34",
        package="cogattn.psychophysics.masking",
        resource="data/network_counts.csv",
    ),
    Manual(
        name="graysplit",
        about="1,100 grey photographs of 16 categories, those of the paper (images.kind folder)",
        licence="none stated; ImageNet images, for non-commercial research",
        source="github.com/ajaysub110/critical-band-masking, commit a2b3d34",
        instructions="git clone github.com/ajaysub110/critical-band-masking, git checkout a2b3d34, "
        "folder stimuli/GraySplit",
        pattern=r"\d+_color_gray_g_[a-z]+\.jpe?g",
        n_files=1_100,
        names_sha256="7ec3a2fe7d1f62cd5c2d740a2057753371074f5de535c97a95a9579649e5addd",
    ),
    Manual(
        name="cue-conflict",
        about="1,280 images with the shape of one category and the texture of another (shape_bias.path)",
        licence="CC BY 4.0",
        source="github.com/rgeirhos/texture-vs-shape, commit ccd0c01; Geirhos et al. (2019), ICLR",
        instructions="git clone github.com/rgeirhos/texture-vs-shape, git checkout ccd0c01, "
        "folder stimuli/style-transfer-preprocessed-512",
        pattern=r"[a-z]+\d+-[a-z]+\d+\.(png|jpe?g)",
        n_files=1_280,
        names_sha256="929a9213c0f3cd6597ab6a33e60ab37740287e966c199bd320c24fec3654eb2e",
    ),
    Manual(
        name="imagenet-val",
        about="50,000 photographs of 1,000 classes (images.kind folder)",
        licence="ImageNet terms: non-commercial research, after registration",
        source="image-net.org, ILSVRC 2012 validation; Russakovsky et al. (2015), IJCV 115",
        instructions="register at image-net.org and unpack ILSVRC2012_img_val.tar",
        pattern=r"ILSVRC2012_val_\d{8}\.jpe?g",
        n_files=50_000,
        names_sha256="43552f944599303f4e580fa06f057938c3be26540bef69bdcff266fa71a3af00",
    ),
    MODEL_VS_HUMAN,
)
