"""Running a study and keeping what came out: identity, store, execution, records."""
