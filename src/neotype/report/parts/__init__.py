"""The parts of the page, by who reads them."""
