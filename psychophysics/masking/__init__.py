"""Critical-band masking: the spatial-frequency channel with which people and networks recognise objects."""
