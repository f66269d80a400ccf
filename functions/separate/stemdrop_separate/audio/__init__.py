"""Sound files: what they are, out of them, and into them, all by ffmpeg."""
