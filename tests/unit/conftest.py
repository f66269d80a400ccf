from hypothesis import settings

# Time is measured by the benchmarks, and tests share their processors with others.
settings.register_profile("stemdrop", deadline=None)
settings.load_profile("stemdrop")
