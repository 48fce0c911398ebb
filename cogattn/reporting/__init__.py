"""What a run says, made for readers: tables in a terminal, rows as JSON."""
