from hypothesis import settings

# The benchmarks measure time. Tests share the processors with other programs.
settings.register_profile("stemdrop", deadline=None)
settings.load_profile("stemdrop")
