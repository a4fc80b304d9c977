"""Text and image features of a data set's items, by any encoder, in the published layout."""

from athwe.prepare.features.flags import add_feature_flags
from athwe.prepare.features.making import FeatureReport, check_encoders, write_features

__all__ = ["FeatureReport", "add_feature_flags", "check_encoders", "write_features"]
