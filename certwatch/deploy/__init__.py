"""Where new certificates go: files and a hook, and the proxy configuration that serves them."""
