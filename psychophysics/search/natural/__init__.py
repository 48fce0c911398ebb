"""Search of photographs and other scenes, people beside it."""
