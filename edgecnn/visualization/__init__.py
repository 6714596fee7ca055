"""What a model sees in an image, drawn: filters, feature maps, heat maps, int8 errors, stability under translation."""
