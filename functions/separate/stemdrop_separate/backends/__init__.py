"""The two engines that estimate magnitudes; everything around them is shared."""
