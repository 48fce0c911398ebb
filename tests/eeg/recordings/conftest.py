"""Writers of formats that only the readers' own tests need; each takes microvolts of (n_channels, n_times)."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import savemat, wavfile


def write_gdf(path: Path, values: np.ndarray, sfreq: int, names: list[str], *, n_events: int = 3) -> None:
    """GDF 2.20: 32-bit floats in records of a second, and a table of events."""
    n, n_records = len(names), values.shape[1] // sfreq
    head = b"GDF 2.20".ljust(184, b"\0") + struct.pack("<H", 1 + n)
    head = head.ljust(236, b"\0") + struct.pack("<qIIHH", n_records, 1, 1, n, 0)
    channels = b"".join(name.encode().ljust(16, b"\0") for name in names)
    channels += bytes(86 * n) + struct.pack(f"<{n}H", *[4275] * n)  # microvolts
    channels += b"".join(struct.pack(f"<{n}d", *[limit] * n) for limit in (-1e3, 1e3, -1e3, 1e3))
    channels += bytes(80 * n) + struct.pack(f"<{n}i", *[sfreq] * n) + struct.pack(f"<{n}i", *[16] * n)
    channels = channels.ljust(256 * n, b"\0")
    records = (values[:, k * sfreq : (k + 1) * sfreq].astype("<f4").tobytes() for k in range(n_records))
    events = b"\x01" + n_events.to_bytes(3, "little") + struct.pack("<f", sfreq)
    events += struct.pack(f"<{n_events}I", *range(1, n_events + 1)) + struct.pack(
        f"<{n_events}H", *[7] * n_events
    )
    path.write_bytes(head + channels + b"".join(records) + events)


def write_set_and_fdt(path: Path, values: np.ndarray, sfreq: int, names: list[str], *, fdt: str = "") -> None:
    """EEGLAB with its samples in another file, by default of the same name."""
    fdt = fdt or f"{path.stem}.fdt"
    n_times = float(values.shape[1])
    eeg = {
        "setname": "x", "nbchan": float(len(names)), "trials": 1.0, "pnts": n_times, "srate": float(sfreq),
        "xmin": 0.0, "xmax": (n_times - 1) / sfreq, "data": fdt, "chanlocs": np.zeros((0, 0)),
        "event": np.zeros((0, 0)), "epoch": np.zeros((0, 0)), "icawinv": [], "icasphere": [], "icaweights": [],
        "icaact": [],
    }  # fmt: skip
    savemat(path, {"EEG": eeg}, appendmat=False)
    (path.parent / fdt).write_bytes(values.T.astype("<f4").tobytes())


def write_wav(path: Path, n_samples: int = 8000) -> None:
    """One channel of 16 bits at 8 kHz."""
    wavfile.write(path, 8000, (3000 * np.sin(np.arange(n_samples) / 7)).astype(np.int16))


def write_flac(path: Path, n_samples: int = 8000) -> None:
    """The same sound, packed."""
    pytest.importorskip("soundfile").write(path, np.sin(np.arange(n_samples) / 7), 8000)


@pytest.fixture(scope="session")
def more_files() -> SimpleNamespace:
    """All of these writers."""
    return SimpleNamespace(
        write_gdf=write_gdf, write_set_and_fdt=write_set_and_fdt, write_wav=write_wav, write_flac=write_flac
    )
