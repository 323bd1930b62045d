"""What runs on the other side: in templates, and inside sandboxes.

`template.py` is started by path, with `-I -S`, by whatever CPython runs the functions (3.8 and later): these modules use
nothing but the standard library of 3.8, and import nothing but each other.
"""
