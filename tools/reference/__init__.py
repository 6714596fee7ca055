"""The generated pages of docs/reference/, a module per page; `tools/docs` writes and checks them."""
