"""Several models side by side: accuracy on the same images, size, latency, energy."""
