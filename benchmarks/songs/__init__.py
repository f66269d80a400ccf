"""Songs that are generated, with known stems."""
