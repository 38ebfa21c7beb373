"""The cache: content by digest, entries by name, fills under way. Knows neither HTTP nor upstreams."""
