"""Lyrics from the vocals: the engines behind one protocol."""
