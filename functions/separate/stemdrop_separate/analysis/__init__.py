"""Tempo, beats, key and loudness of a song, computed while it is separated."""
