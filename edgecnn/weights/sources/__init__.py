"""Where pretrained weights come from, one file per source."""
