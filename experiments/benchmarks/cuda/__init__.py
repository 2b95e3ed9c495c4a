"""CUDA without a toolkit: sources compiled by NVRTC, started by the driver; emulated on CPUs."""
