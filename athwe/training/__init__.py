"""Train one configuration, epoch by epoch."""
