"""What can be tested: networks of timm, a module of your own, readouts on frozen features."""
