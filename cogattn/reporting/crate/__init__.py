"""A finished run as something to deposit and to cite: RO-Crate metadata in its folder, archives, BibTeX."""
