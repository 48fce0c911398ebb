"""One study at many settings: what is asked, what it takes, its runs side by side in one table."""
