"""The request path and the HTTP server."""
