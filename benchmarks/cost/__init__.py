"""What a song costs under Lambda's limits, against stock Spleeter in an image of its own."""
