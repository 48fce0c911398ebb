"""The data sets that the masking study knows, for ``cogattn data list``.

None of the images may be passed on with cogattn, and no hash of the archives has been taken at the source, so
they are put in place by hand; a commit id then says which version, and the names of the files tell them from
others.
"""

from cogattn.fetch import DataSet, Manual, Packaged

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
        name="imagenet-val",
        about="50,000 photographs of 1,000 classes (images.kind folder)",
        licence="ImageNet terms: non-commercial research, after registration",
        source="image-net.org, ILSVRC 2012 validation; Russakovsky et al. (2015), IJCV 115",
        instructions="register at image-net.org and unpack ILSVRC2012_img_val.tar",
        pattern=r"ILSVRC2012_val_\d{8}\.jpe?g",
        n_files=50_000,
        names_sha256="43552f944599303f4e580fa06f057938c3be26540bef69bdcff266fa71a3af00",
    ),
)
