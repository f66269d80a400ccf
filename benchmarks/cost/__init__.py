"""What a song costs under Lambda's limits, beside stock Spleeter in an image of its own."""
