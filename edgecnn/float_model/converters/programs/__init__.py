"""Programs that run in the converters' own environments: none imports edgecnn."""
