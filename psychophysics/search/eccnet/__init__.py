"""eccNET as its authors run it, each of its rules a switch."""
