"""A study that lies in the store: found, its data set loaded, one of its trials reproduced, all of it removed."""
