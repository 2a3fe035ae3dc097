"""The studio's English and Chinese, in tables: which words ask for what.

A clause counts as understood only if one family of rows and the fillers use up every word of it. So
"add music that sparkles" is refused, and so is "replace the background with a beach at night".
"""
