"""What earns its place: a configuration trained again without each of its parts, and a share for each modality."""
