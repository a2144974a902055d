"""The method of the paper, used by training and inference alike: prompt, preprocessing, mapper, architecture."""
