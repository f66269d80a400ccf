"""Cost of a song under Lambda's limits, compared with an image of stock Spleeter."""
