"""Which machines there are, whether trials can run on them, and with what they compute."""
