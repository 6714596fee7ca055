"""What a model sees in a picture, drawn: filters, feature maps, heat maps, int8 errors, stability under translation."""
