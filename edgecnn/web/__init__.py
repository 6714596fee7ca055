"""Pages for a browser: a server with a token and few rights, and LiteRT.js, which runs models in them."""
