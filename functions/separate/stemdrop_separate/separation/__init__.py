"""The signal: STFT, masks, inverse STFT, segment by segment."""
