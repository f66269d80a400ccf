"""Lyrics from Amazon Transcribe: its transcripts become files next to the stems."""
