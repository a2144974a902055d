"""An evaluation (the JSON document of ``fakescan eval``) as tables and as a page."""
