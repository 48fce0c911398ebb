"""Images with categories: folders and manifests, the 16 categories of ImageNet, drawn pictures."""
