"""Quantization schemes, one file each: SUMMARY, IO (types of input and output), CALIBRATED, INTEGER, convert(job)."""
