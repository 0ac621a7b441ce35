"""Labelled sequences: files, demo sets, windows and splits."""

from edgelstm.data.dataset import Dataset
from edgelstm.data.dataset_file import load_dataset, save_dataset

__all__ = ["Dataset", "load_dataset", "save_dataset"]
